package grade

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// TestClass grades a class, twice at once.
func TestClass(t *testing.T) {
	needContainer(t)
	e := find(t, 1)
	class := t.TempDir()
	for name, i := range map[string]int{"anna": 0, "=cmd": 0} {
		dir := filepath.Join(class, name)
		if err := Start(e, dir); err != nil {
			t.Fatal(err)
		}
		if err := attempts(t, e)[i].Lay(dir); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(class, "empty"), 0o755); err != nil {
		t.Fatal(err)
	}
	put(t, class, "notes.txt", "not a student")
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			var lines []string
			list, err := Class(t.Context(), e, class, Options{Seed: seed, NoKVM: true}, func(r *Report) { lines = append(lines, r.Line()) })
			if err != nil {
				t.Error(err)
			}
			var table strings.Builder
			if err := CSV(&table, list); err != nil {
				t.Error(err)
			}
			want := "student,exercise,points,of,not_run,seed,first_mistake\n" +
				"'=cmd,1,3,10,7,0x7e4e,\n" +
				"anna,1,3,10,7,0x7e4e,\n" +
				"empty,1,0,10,0,0x7e4e,\"" + filepath.Join(class, "empty") + ": it has no realmode.go, so it is no directory of exercise 1; `terem lab start 1 DIR` makes one\"\n"
			if table.String() != want {
				t.Errorf("table\n%swant\n%s", table.String(), want)
			}
			if len(lines) != 3 || !strings.Contains(lines[1], "anna") || !strings.Contains(lines[1], " 3/10 (7 not run)") {
				t.Errorf("lines %q", lines)
			}
			if s := ClassStatus(list); s != StatusNotRun {
				t.Errorf("status %d", s)
			}
		})
	}
	both.Wait()
}

// TestNoContainer has a host where no container can be started: the program is not there.
func TestNoContainer(t *testing.T) {
	e := find(t, 1)
	r, err := newReport(e, Options{}).cannotRun(t.Context(), e, hostError("this host lets no ordinary user make namespaces"))
	if err != nil || r.Status() != StatusNotRun || r.NotRun != e.Points() || !strings.Contains(text(t, r), "note: it compiles, and was not run: container: this host lets") {
		t.Errorf("error %v, %+v", err, r)
	}
}

func TestStartRefuses(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "thesis.txt", "all of it")
	if err := Start(find(t, 1), dir); err == nil || err.Error() != dir+": it is not empty; name one that is, or that is not there" {
		t.Error(err)
	}
	for _, name := range []string{"README.md", "README.ru.md", "go.mod", "realmode.go", "abi.go", "try/main.go"} {
		if _, err := os.Stat(filepath.Join(started(t, find(t, 1)), name)); err != nil {
			t.Error(err)
		}
	}
}

// FuzzAnswer has bytes of a student's program read as an answer.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte(`{"nonce":"n","value":{"regs":{}}}`))
	f.Add([]byte(`{"nonce":"n","call":"run","arg":18446744073709551615}`))
	f.Add([]byte(`{"nonce":"other"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if a, err := parse(b, "n"); err == nil && a.Nonce != "n" {
			t.Errorf("%q is taken for an answer", b)
		}
		for _, r := range printable(string(b)) {
			if r < ' ' {
				t.Errorf("%q on a terminal", r)
			}
		}
	})
}
