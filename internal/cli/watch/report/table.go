package report

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"terem/vcpu/trace"
)

// mostRows is how many rows of one table are for a person.
const mostRows = 25

// Table writes the summary for a person.
func Table(w io.Writer, s *Summary) error {
	b := bufio.NewWriter(w)
	fmt.Fprintln(b, head(s))
	if s.Every != 0 {
		profile(b, s)
		return b.Flush()
	}
	section(b, "exit reason", s.Reasons)
	section(b, "port or device", s.Places)
	section(b, "where the guest was", s.Functions)
	return b.Flush()
}

// head is one line about all of it.
func head(s *Summary) string {
	what := count(s.Records, "exit")
	if s.Every != 0 {
		what = count(s.Records, "sample")
	}
	line := fmt.Sprintf("%s of %s in %v", what, count(uint64(len(s.VCPUs)), "vCPU"), s.Took.Round(time.Millisecond))
	if s.Every == 0 && s.Took > 0 && len(s.VCPUs) > 0 {
		line += fmt.Sprintf(", %.1f %% of the time in terem", 100*s.InTerem.Seconds()/s.Took.Seconds()/float64(len(s.VCPUs)))
	}
	if s.Lost > 0 {
		line += fmt.Sprintf("; %s before them lost", strconv.FormatUint(s.Lost, 10))
	}
	return line
}

func count(n uint64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func section(w io.Writer, title string, list []Row) {
	if len(list) == 0 {
		return
	}
	shown, rest := cut(list)
	width := utf8.RuneCountInString(title)
	for _, r := range shown {
		width = max(width, utf8.RuneCountInString(r.Name))
	}
	fmt.Fprintf(w, "\n%-*s %9s %9s %9s %11s %10s %10s\n", width, title, "count", "writes", "bytes", "total", "each", "longest")
	for _, r := range shown {
		fmt.Fprintf(w, "%-*s %9d %9s %9s %11v %10v %10v\n", width, r.Name, r.Count, orBlank(r.Writes), orBlank(r.Bytes),
			r.Time.Round(time.Microsecond), r.each(), r.Longest.Round(10*time.Nanosecond))
	}
	if rest != "" {
		fmt.Fprintln(w, rest)
	}
}

func (r *Row) each() time.Duration {
	return (r.Time / time.Duration(max(r.Count, 1))).Round(10 * time.Nanosecond)
}

func orBlank(n uint64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatUint(n, 10)
}

// cut leaves out what is too much for a person, and says so.
func cut(list []Row) (shown []Row, rest string) {
	if len(list) <= mostRows {
		return list, ""
	}
	n := uint64(0)
	for _, r := range list[mostRows:] {
		n += r.Count
	}
	return list[:mostRows], fmt.Sprintf("... and %d in %d more (the JSON has all)", n, len(list)-mostRows)
}

// profile writes where the samples were.
func profile(w io.Writer, s *Summary) {
	shown, rest := cut(s.Functions)
	fmt.Fprintf(w, "\n%7s %9s  %s\n", "share", "samples", "where the guest was")
	for _, r := range shown {
		fmt.Fprintf(w, "%5.1f %% %9d  %s\n", share(r.Count, s.Records), r.Count, r.Name)
	}
	if rest != "" {
		fmt.Fprintln(w, rest)
	}
}

func share(part, whole uint64) float64 { return 100 * float64(part) / float64(max(whole, 1)) }

// List writes a line for each record, of all vCPUs in the order of time.
func List(w io.Writer, t *trace.Trace) error {
	type line struct {
		cpu int
		*trace.Record
	}
	var all []line
	for cpu, c := range t.CPUs {
		for i := range c.Records {
			all = append(all, line{cpu, &c.Records[i]})
		}
	}
	slices.SortStableFunc(all, func(a, b line) int { return cmp.Compare(a.At, b.At) })
	n := newNames(t)
	b := bufio.NewWriter(w)
	for _, l := range all {
		fmt.Fprintf(b, "%12.6f %2d %-14s %-40s %s\n", l.When().Seconds(), l.cpu, l.Name(), n.access(l.Record), n.spot(l.RIP))
	}
	return b.Flush()
}

// access says what an exit was about: "<- 0x3fd serial, 1 byte: 60".
func (n *names) access(r *trace.Record) string {
	if r.Size == 0 {
		return ""
	}
	arrow := "<-"
	if r.Write {
		arrow = "->"
	}
	text := fmt.Sprintf("%s %#x", arrow, r.Addr)
	if p, is := r.Place(); is && n.places[p] != "" {
		text += " " + n.places[p]
	}
	text += fmt.Sprintf(": % x", r.Data[:r.Kept])
	if all := uint64(r.Size) * uint64(r.Count); all > uint64(r.Kept) {
		text += fmt.Sprintf(" ... %d bytes", all)
	}
	return strings.TrimSuffix(text, ": ")
}
