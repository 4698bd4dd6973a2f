package report

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jedib0t/go-pretty/v6/text"
)

var update = flag.Bool("update", false, "write the golden files anew")

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
		t.Fatalf("%v; -update writes it", err)
	}
	if got != string(want) {
		t.Errorf("the text differs from %s (-update accepts it):\n%s", path, got)
	}
}

func TestTable(t *testing.T) {
	for name, width := range map[string]int{"table-80.txt": 80, "table-140.txt": 140, "table-50.txt": 50} {
		var b strings.Builder
		if err := Table(&b, sample(), Options{Width: width}); err != nil {
			t.Fatal(err)
		}
		golden(t, name, b.String())
		for line := range strings.Lines(b.String()) {
			if n := text.StringWidthWithoutEscSequences(strings.TrimSuffix(line, "\n")); n > width && !strings.Contains(line, "$ ") {
				t.Errorf("%d columns, %d are there: %s", n, width, line)
			}
		}
	}
}
