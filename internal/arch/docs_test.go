package arch

import (
	"cmp"
	"flag"
	"fmt"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the arrows into docs/architecture.md")

const (
	mapFile     = "../../docs/architecture.md"
	arrowsBegin = "<!-- arrows: go test ./internal/arch -update -->\n```\n"
	arrowsEnd   = "```\n"
)

// TestMapIsTrue: docs/architecture.md has every package in a room, and draws the arrows
// that there are.
func TestMapIsTrue(t *testing.T) {
	files, err := parse(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(mapFile)
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	imports := importsOf(files)
	for _, pkg := range slices.Sorted(maps.Keys(imports)) {
		if !inRoom(text, pkg) {
			t.Errorf("docs/architecture.md has no room for %s", pkg)
		}
	}
	before, rest, ok := strings.Cut(text, arrowsBegin)
	drawn, after, closed := strings.Cut(rest, arrowsEnd)
	if !ok || !closed {
		t.Fatalf("docs/architecture.md does not have %q", arrowsBegin)
	}
	want := drawArrows(imports)
	if drawn == want {
		return
	}
	if !*update {
		t.Fatalf("the arrows have changed: -update draws them anew. Want\n%s", want)
	}
	if err := os.WriteFile(mapFile, []byte(before+arrowsBegin+want+arrowsEnd+after), 0o644); err != nil {
		t.Fatal(err)
	}
}

// importsOf maps each package to those of the module that it imports, but for its tests.
func importsOf(files []*file) map[string][]string {
	m := map[string][]string{}
	for _, f := range files {
		if f.test {
			continue
		}
		pkg := path.Dir(f.path)
		m[pkg] = slices.Grow(m[pkg], 0)
		for _, imp := range f.imports() {
			if within, ours := strings.CutPrefix(imp, module); ours && !slices.Contains(m[pkg], within) {
				m[pkg] = append(m[pkg], within)
			}
		}
	}
	return m
}

// inRoom says whether a row of the table of rooms names a package, or its folder by "*".
func inRoom(text, pkg string) bool {
	row := regexp.MustCompile("(?m)^\\| (`[^|]*) \\|")
	for _, m := range row.FindAllStringSubmatch(text, -1) {
		folder := ""
		for _, name := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(m[1], -1) {
			for _, n := range []string{name[1], path.Join(folder, name[1])} { // `a/b`, `c`: c is beside b
				if ok, _ := path.Match(n, pkg); ok {
					return true
				}
			}
			folder = cmp.Or(folder, path.Dir(name[1]))
		}
	}
	return false
}

// drawArrows writes a line for each package that imports others of the module.
func drawArrows(imports map[string][]string) string {
	const width, indent = 112, 32
	var b strings.Builder
	for _, pkg := range slices.Sorted(maps.Keys(imports)) {
		to := slices.Sorted(slices.Values(imports[pkg]))
		if len(to) == 0 {
			continue
		}
		line := fmt.Sprintf("%-*s ──►", indent-5, pkg)
		used := indent
		for i, name := range to {
			if i < len(to)-1 {
				name += ","
			}
			if used+1+len(name) > width {
				b.WriteString(line + "\n")
				line, used = strings.Repeat(" ", indent-1), indent
			}
			line += " " + name
			used += 1 + len(name)
		}
		b.WriteString(line + "\n")
	}
	return b.String()
}
