package report

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"terem/internal/compare/result"
)

func pageOf(t testing.TB, r *result.Result) string {
	t.Helper()
	var b strings.Builder
	if err := HTML(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestHTML writes the page to $TEREM_REPORT_PAGE, too, to look at.
func TestHTML(t *testing.T) {
	p := pageOf(t, sample())
	if path := os.Getenv("TEREM_REPORT_PAGE"); path != "" {
		if err := os.WriteFile(path, []byte(p), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	checkPage(t, p)
	for _, want := range []string{"Logarithmic scale", "Linear scale from 0", "too noisy to rank", "QEMU microvm", "emulation failure",
		"terem snapshot make", "2 of 32 runs failed", "Device or resource busy", "18\u202f734", "prefers-color-scheme: dark", "×"} {
		if !strings.Contains(p, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

// checkPage wants a page that is well formed, needs nothing from elsewhere, names every
// picture, and draws within its plots.
func checkPage(t *testing.T, page string) {
	t.Helper()
	ids, links, pictures := map[string]bool{}, []string{}, 0
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
		a := attributes(e)
		if e.Name.Local == "svg" {
			pictures++
		}
		checkElement(t, e.Name.Local, a)
		if id := a["id"]; id != "" && ids[id] {
			t.Errorf("id %q is there twice", id)
		}
		ids[a["id"]] = true
		if a["href"] != "" {
			links = append(links, a["href"])
		}
		checkPlaces(t, e.Name.Local, a)
	}
	if pictures == 0 {
		t.Error("no picture")
	}
	for _, l := range links {
		if !strings.HasPrefix(l, "#") || !ids[l[1:]] {
			t.Errorf("link to %q", l)
		}
	}
	if foreign := regexp.MustCompile(`url\(|@import|src=|https?://|ZgotmplZ|NaN|Inf\b`).FindString(page); foreign != "" {
		t.Errorf("the page has %q", foreign)
	}
}

func checkElement(t *testing.T, element string, a map[string]string) {
	t.Helper()
	switch element {
	case "script", "link", "img", "iframe", "object":
		t.Errorf("the page has <%s>", element)
	case "svg":
		if a["aria-hidden"] == "" && a["aria-label"] == "" && a["aria-labelledby"] == "" {
			t.Errorf("a picture without a name: %v", a)
		}
	}
}

func attributes(e xml.StartElement) map[string]string {
	a := map[string]string{}
	for _, x := range e.Attr {
		a[x.Name.Local] = x.Value
	}
	return a
}

// checkPlaces wants places in percent to be between 0 and 100.
func checkPlaces(t *testing.T, element string, a map[string]string) {
	t.Helper()
	for _, name := range []string{"x", "x1", "x2", "cx", "width"} {
		text, ok := strings.CutSuffix(a[name], "%")
		if !ok {
			continue
		}
		if v, err := strconv.ParseFloat(text, 64); err != nil || v < 0 || v > 100 {
			t.Errorf("<%s %s=%q>", element, name, a[name])
		}
	}
}

// TestHostile puts markup and control characters into every text that is foreign.
func TestHostile(t *testing.T) {
	const evil = "</style></title><script>alert(1)</script>\" onload=\"x\x1b[31m\x07\x00\u202e\xff{{.}}"
	r := sample()
	for i := range r.Targets {
		x := &r.Targets[i]
		x.Title, x.Why, x.Mend, x.Version, x.Note, x.Kind = evil, evil, evil, evil, evil, result.Kind(evil)
	}
	for _, s := range r.Series {
		s.Error = evil
		if s.Part != "" {
			s.Part += evil
		}
	}
	r.Ended, r.Terem, r.Host.CPU, r.Host.Memory, r.Host.Load, r.Busy.LoadAfter, r.Method.Program = evil, evil, evil, evil, evil, evil, evil
	for i := range r.Inside {
		n := &r.Inside[i]
		n.Note, n.Cgroups, n.TopCalls = evil, []string{evil}, []result.Call{{Name: evil, Count: 1}}
		n.Namespaces = map[string]string{evil: evil}
	}
	checkPage(t, pageOf(t, r))
	var b strings.Builder
	if err := Table(&b, r, Options{}); err != nil {
		t.Fatal(err)
	}
	if err := Changes(&b, sample(), r, Options{}); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(b.String(), "\x1b\x07\x00\u202e") || !utf8.ValidString(b.String()) {
		t.Error("a control character reached the terminal")
	}
}

// TestOdd shows results that are hardly there, or far too much.
func TestOdd(t *testing.T) {
	one := &result.Result{Ended: "interrupted"}
	one.Targets = []result.Target{{Name: "process", Title: "process", Kind: result.Process, State: result.Ready}}
	one.Add(result.StartEntry, "process", "", 0, 1)
	series := func(values ...float64) *result.Result {
		r := &result.Result{}
		for i, v := range values {
			for _, m := range result.Measures() {
				part := ""
				if m.Stack {
					part = "all"
				}
				r.Add(m.Name, "a", part, i, v)
				r.Add(m.Name, "b", part, i, v*1e6)
			}
		}
		return r
	}
	for name, r := range map[string]*result.Result{
		"nothing": {}, "one sample": one, "zero": series(0, 0, 0), "huge": series(1e300, 1e301, 1e302, math.MaxFloat64),
		"tiny": series(1e-300, 5e-324), "negative": series(-5, 7), "many": series(ramp(500)...), "equal": series(3, 3, 3, 3),
	} {
		t.Run(name, func(t *testing.T) {
			r.Finish()
			checkPage(t, pageOf(t, r))
			for _, width := range []int{0, 1, 200} {
				var b strings.Builder
				if err := Table(&b, r, Options{Width: width, Color: true}); err != nil {
					t.Fatal(err)
				}
				if r.Ended != "" && !strings.Contains(b.String(), r.Ended) {
					t.Error("the table does not say that it ended early")
				}
			}
		})
	}
}

func ramp(n int) []float64 {
	s := make([]float64, n)
	for i := range s {
		s[i] = float64(i + 1)
	}
	return s
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestFullDisk(t *testing.T) {
	for name, err := range map[string]error{
		"table": Table(full{}, sample(), Options{}), "page": HTML(full{}, sample()), "changes": Changes(full{}, sample(), sample(), Options{}),
	} {
		if err == nil || !strings.Contains(err.Error(), "no space left") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
