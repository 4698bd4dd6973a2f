package show

import (
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"

	"terem/internal/lab"
	"terem/internal/lab/boot"
	"terem/internal/lab/experiment"
	"terem/internal/lab/result"
	"terem/internal/lab/types"
)

var update = flag.Bool("update", false, "write the goldens anew")

// sample is a matrix with every verdict, a surprise, and a row that is not done.
func sample(t testing.TB) *result.Matrix {
	t.Helper()
	m, err := lab.Plan(t.Context(), lab.Options{Rows: []string{"kill", "cpu", "see-kernel", "panic", "memory"}, Version: "terem 1.0"})
	if err != nil {
		t.Fatal(err)
	}
	m.Started, m.Took = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC), 95*time.Second
	m.Host.Kernel, m.Host.CPU, m.Host.CPUs = "6.1.0", "a processor", 2
	cell := func(v, expected experiment.Verdict, text string) result.Cell {
		c := result.Cell{Verdict: v, Expected: expected, Mechanism: "the scheduler decides", Evidence: text, Where: "this host", Took: 1234 * time.Millisecond,
			Commands: result.Commands{Victim: "busybox sh -c", Attacker: "terem container run -- sh -c"}, Before: []string{"I live"}, Attack: []string{"killed 7"}}
		if v == result.NotRun {
			c.Evidence, c.Why, c.Commands = "", text, result.Commands{}
		}
		return c
	}
	const h, d, s, u, no = experiment.Harmed, experiment.Degraded, experiment.Safe, experiment.Unclear, result.NotRun
	m.Rows[0].Cells = []result.Cell{cell(h, h, "the victim does not answer any more: it has ended"), cell(s, s, "the victim answers still"), cell(h, s, "the victim is gone"), cell(s, s, "the victim answers still")}
	m.Rows[1].Cells = []result.Cell{cell(h, h, "both read boot_id 1"), cell(h, h, "both read boot_id 1"), cell(no, s, "no root: an ordinary user may set no limits here"), cell(no, s, "no KVM: no such file")}
	m.Rows[2].Cells = []result.Cell{cell(d, d, "the victim does 25 % of what it does alone"), cell(d, d, "50 %"), cell(u, s, "85 %"), cell(no, s, "no KVM: no such file")}
	m.Rows[3].Cells = []result.Cell{cell(h, h, "gone")}
	m.Ended = "interrupted"
	return m
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s", name, got)
	}
}

func TestTable(t *testing.T) {
	for name, o := range map[string]Options{"table.txt": {}, "color.txt": {Color: true}} {
		var b strings.Builder
		if err := Table(&b, sample(t), o); err != nil {
			t.Fatal(err)
		}
		golden(t, name, b.String())
	}
}

func TestExplain(t *testing.T) {
	m := sample(t)
	var b strings.Builder
	if err := Explain(&b, m.Rows[1], m.Columns); err != nil {
		t.Fatal(err)
	}
	golden(t, "explain.txt", b.String())
}

// TestExplainAll wants every row to be explained in lines that fit a terminal, but for those of scripts.
func TestExplainAll(t *testing.T) {
	m, err := lab.Plan(t.Context(), lab.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range m.Rows {
		var b strings.Builder
		if err := Explain(&b, x, m.Columns); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(b.String()) {
			if len(line) > 81 && !strings.HasPrefix(line, "    ") {
				t.Errorf("%s: %q", x.Name, line)
			}
		}
	}
}

// TestProgress draws in place and in lines.
func TestProgress(t *testing.T) {
	m := sample(t)
	cells := m.Rows[0].Cells
	m.Rows = m.Rows[:1]
	m.Rows[0].Cells = nil
	var live, lines, low, narrow strings.Builder
	l, p := &Live{W: &live}, &Lines{W: &lines}
	small, thin := &Live{W: &low, Rows: 2}, &Live{W: &narrow, Cols: 73}
	l.Begin(m)
	p.Begin(m)
	small.Begin(m)
	thin.Begin(m)
	for c := range cells {
		l.Start(0, c)
		p.Start(0, c)
		small.Start(0, c)
		thin.Start(0, c)
		m.Rows[0].Cells = append(m.Rows[0].Cells, cells[c])
		l.Done(0, c)
		p.Done(0, c)
		small.Done(0, c)
		thin.Done(0, c)
	}
	l.Close()
	p.Close()
	small.Close()
	thin.Close()
	golden(t, "live.txt", strings.ReplaceAll(live.String(), "\x1b", "ESC"))
	golden(t, "lines.txt", lines.String())
	golden(t, "low.txt", strings.ReplaceAll(low.String(), "\x1b", "ESC"))
	if narrow.String() != low.String() {
		t.Errorf("without room: %q", narrow.String())
	}
}

// TestHTML writes the page to $TEREM_LAB_PAGE, too, to look at.
func TestHTML(t *testing.T) {
	var b strings.Builder
	if err := HTML(&b, sample(t)); err != nil {
		t.Fatal(err)
	}
	if path := os.Getenv("TEREM_LAB_PAGE"); path != "" {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	checkPage(t, b.String())
	for _, want := range []string{"harmed !", "no KVM: no such file", "prefers-color-scheme: dark", "disposable", "busybox sh -c", "1.23s", "interrupted"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

// checkPage wants a page that is well formed and needs nothing from elsewhere.
func checkPage(t *testing.T, page string) {
	t.Helper()
	ids, links := map[string]bool{}, []string{}
	d := xml.NewDecoder(strings.NewReader(page))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("not well formed: %v", err)
		}
		e, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		if slices.Contains([]string{"script", "link", "img", "iframe", "object"}, e.Name.Local) {
			t.Errorf("the page has <%s>", e.Name.Local)
		}
		for _, a := range e.Attr {
			switch {
			case a.Name.Local == "id" && ids[a.Value]:
				t.Errorf("id %q is there twice", a.Value)
			case a.Name.Local == "id":
				ids[a.Value] = true
			case a.Name.Local == "href":
				links = append(links, a.Value)
			case strings.HasPrefix(a.Name.Local, "on"):
				t.Errorf("the page has %s=", a.Name.Local)
			}
		}
	}
	for _, l := range links {
		if !strings.HasPrefix(l, "#") || !ids[l[1:]] {
			t.Errorf("link to %q", l)
		}
	}
	if foreign := regexp.MustCompile(`url\(|@import|src=|https?://|ZgotmplZ`).FindString(page); foreign != "" {
		t.Errorf("the page has %q", foreign)
	}
}

// TestHostile has an attacker say what a terminal or a browser would obey.
func TestHostile(t *testing.T) {
	const evil = "</pre><script>alert(1)</script>\" onload=\"x\x1b[31m\x07\x00\u202e\xff{{.}}"
	m := sample(t)
	for r := range m.Rows {
		for c := range m.Rows[r].Cells {
			x := &m.Rows[r].Cells[c]
			x.Evidence, x.Where, x.Before, x.After, x.Attack = evil, evil, []string{evil}, []string{evil}, []string{evil}
			x.Commands = result.Commands{Victim: evil, Attacker: evil}
			if x.Why != "" {
				x.Why = evil
			}
		}
	}
	m.Terem, m.Ended, m.Host.CPU, m.Host.Kernel = evil, evil, evil, evil
	var page, table strings.Builder
	if err := errors.Join(HTML(&page, m), Table(&table, m, Options{})); err != nil {
		t.Fatal(err)
	}
	lines := &Lines{W: &table, m: m}
	for r := range m.Rows {
		for c := range m.Rows[r].Cells {
			lines.Done(r, c)
		}
	}
	checkPage(t, page.String())
	if i := strings.IndexFunc(table.String(), func(r rune) bool { return !unicode.IsPrint(r) && r != '\n' }); i >= 0 {
		t.Errorf("a control character reached the terminal: %q", table.String()[i:min(i+20, table.Len())])
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestFullDisk(t *testing.T) {
	m := sample(t)
	for name, err := range map[string]error{"table": Table(full{}, m, Options{}), "page": HTML(full{}, m), "explain": Explain(full{}, m.Rows[0], m.Columns)} {
		if err == nil || !strings.Contains(err.Error(), "no space left") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// luminance is the relative luminance of WCAG 2.2.
func luminance(color string) float64 {
	var sum float64
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		v, _ := strconv.ParseUint(color[1+2*i:3+2*i], 16, 8)
		c := float64(v) / 255
		if c <= 0.04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		sum += weight * c
	}
	return sum
}

// TestContrast wants text to stand out from what is below it as WCAG 2.2 section 1.4.3 has it: 4.5 to 1.
func TestContrast(t *testing.T) {
	light, dark, ok := strings.Cut(pageCSS, "@media (prefers-color-scheme: dark)")
	if !ok {
		t.Fatal("the style has no dark colors")
	}
	find := regexp.MustCompile(`--([a-z-]+): (#[0-9a-f]{6});`)
	for scheme, css := range map[string]string{"light": light, "dark": dark} {
		c := map[string]string{}
		for _, m := range find.FindAllStringSubmatch(css, -1) {
			c[m[1]] = m[2]
		}
		for _, p := range [][2]string{{"ink", "paper"}, {"ink", "panel"}, {"muted", "paper"}, {"link", "paper"}, {"harmed", "harmed-paper"}, {"degraded", "degraded-paper"},
			{"ink", "degraded-paper"}, {"safe", "safe-paper"}, {"other", "other-paper"}} {
			if c[p[0]] == "" || c[p[1]] == "" {
				t.Fatalf("%s: no color %v", scheme, p)
			}
			a, b := luminance(c[p[0]]), luminance(c[p[1]])
			if ratio := (max(a, b) + 0.05) / (min(a, b) + 0.05); ratio < 4.5 {
				t.Errorf("%s: %s on %s has a contrast of %.2f", scheme, p[0], p[1], ratio)
			}
		}
	}
}

func TestBoot(t *testing.T) {
	const ms = time.Millisecond
	tl := &boot.Timeline{
		Phases: []boot.Phase{{Name: "create", Took: 2 * ms}, {Name: "load", From: 2 * ms, Took: 25 * ms}, {Name: "kernel", From: 27 * ms, Took: 700 * ms},
			{Name: "init", From: 727 * ms, Took: 100 * ms}, {Name: "program", From: 827 * ms, Took: 150 * ms}, {Name: "end", From: 977 * ms, Took: ms / 2}},
		Kernel: []boot.Moment{{Text: "Linux version 6.12.117-terem (gcc (Debian 12.2.0-14+deb12u1) 12.2.0, GNU ld) #1 SMP"}, {At: 500 * ms, Text: "Run /init as\x1b[31m init process"}},
		Exits:  []boot.Count{{Name: "io", Count: 89}, {Name: "wrmsr", Count: 1}},
	}
	var b strings.Builder
	if err := errors.Join(Boot(&b, tl), Boot(&b, &boot.Timeline{})); err != nil {
		t.Fatal(err)
	}
	golden(t, "boot.txt", b.String())
}

func TestTypes(t *testing.T) {
	r := types.Report{
		Under: []types.Layer{{Name: "machine", What: "a board", By: "firmware"}, {Name: "hypervisor", What: "KVM\x1b", By: "CPUID"}},
		Kinds: []types.Kind{{Name: "process VM", Is: "a machine that no hardware is like, for one program, in a process", Examples: "Java VM", Here: "java is not installed"}},
		Measured: []types.Measured{{Target: "process", NS: map[string]float64{"work.compute": 5.8, "work.syscall": 120, "work.fault": 500.25, "work.fork": 90000}},
			{Target: "Java VM", NS: map[string]float64{"work.compute": 5.9}}, {Target: "terem VM, cold", Why: "no KVM"}},
	}
	var b strings.Builder
	if err := Types(&b, r); err != nil {
		t.Fatal(err)
	}
	golden(t, "types.txt", b.String())
}
