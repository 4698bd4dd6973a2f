package main

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// What the runner writes, each on a line:
//
//	@begin JOB
//	|a line of the program's output
//	@end JOB STATUS CODE MILLISECONDS
//	@done
//
// Nothing else begins with @ or |: what else comes, a kernel's message for instance, is no part of a result.
const (
	frameBegin  = "@begin "
	frameEnd    = "@end "
	frameDone   = "@done"
	frameOutput = "|"
)

// maxLine bounds a line of the stream; a program's longer ones are cut.
const maxLine = 4096

// writer writes the stream.
type writer struct{ w *bufio.Writer }

func (s writer) begin(i int) error {
	fmt.Fprintf(s.w, "%s%d\n", frameBegin, i)
	return s.w.Flush()
}

func (s writer) end(i int, o outcome) error {
	for line := range strings.Lines(o.output) {
		line = strings.TrimRight(strings.ToValidUTF8(line, "?"), "\r\n")
		fmt.Fprintf(s.w, "%s%s\n", frameOutput, line[:min(len(line), maxLine)])
	}
	fmt.Fprintf(s.w, "%s%d %s %d %d\n", frameEnd, i, o.status, o.code, o.took.Milliseconds())
	return s.w.Flush()
}

func (s writer) done() error {
	fmt.Fprintln(s.w, frameDone)
	return s.w.Flush()
}

// event is what a reader has seen since the last: the beginning of a job, its end, or the end of all.
type event struct {
	job   int
	begun bool
	done  bool
	outcome
}

// read hands on the events of a stream until it ends; what is no frame goes to noise.
func read(r io.Reader, noise io.Writer, on func(event)) error {
	var out strings.Builder
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 4*maxLine)
	for lines.Scan() {
		text := strings.TrimRight(lines.Text(), "\r")
		switch {
		case strings.HasPrefix(text, frameOutput):
			out.WriteString(text[len(frameOutput):] + "\n")
		case text == frameDone:
			on(event{done: true})
		case strings.HasPrefix(text, "@"):
			e, err := parseFrame(text)
			if err != nil {
				return err
			}
			if !e.begun {
				e.output = out.String()
			}
			out.Reset()
			on(e)
		default:
			fmt.Fprintln(noise, text)
		}
	}
	return lines.Err()
}

func parseFrame(text string) (event, error) {
	bad := fmt.Errorf("the runner said %q", text)
	if rest, found := strings.CutPrefix(text, frameBegin); found {
		n, err := strconv.Atoi(rest)
		if err != nil {
			return event{}, bad
		}
		return event{job: n, begun: true}, nil
	}
	rest, found := strings.CutPrefix(text, frameEnd)
	f := strings.Fields(rest)
	if !found || len(f) != 4 {
		return event{}, bad
	}
	var n [3]int
	for i, word := range []string{f[0], f[2], f[3]} {
		var err error
		if n[i], err = strconv.Atoi(word); err != nil {
			return event{}, bad
		}
	}
	took := time.Duration(n[2]) * time.Millisecond
	return event{job: n[0], outcome: outcome{status: f[1], code: n[1], took: took}}, nil
}
