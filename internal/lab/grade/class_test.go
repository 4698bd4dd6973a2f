package grade

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"terem/internal/fault"
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

// TestClassGoesOn has one submission that this host fails at, and then a host that fails at all.
func TestClassGoesOn(t *testing.T) {
	e := find(t, 1)
	class := t.TempDir()
	for _, name := range []string{"anna", "boris", "clara"} {
		if err := Start(e, filepath.Join(class, name)); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", fakeGo(t, "exit 3"))
	list, err := Class(t.Context(), e, class, Options{Seed: seed}, func(*Report) {})
	if fault.Status(err) != fault.StatusHost || err == nil || len(list) != 1 || !strings.Contains(list[0].first(), "exit status 3") {
		t.Errorf("%d rows, error %v; want the second failure of the same kind to end it", len(list), err)
	}
}

// TestTable looks at a table while it grows.
func TestTable(t *testing.T) {
	name := filepath.Join(t.TempDir(), "points.csv")
	put(t, filepath.Dir(name), "points.csv", "last week's")
	table, err := NewTable(name)
	if err != nil {
		t.Fatal(err)
	}
	r := newReport(find(t, 1), Options{Seed: seed})
	r.Student = "anna"
	if err := table.Row(r); err != nil {
		t.Fatal(err)
	}
	old, _ := os.ReadFile(name)
	part, _ := os.ReadFile(table.Partial())
	if string(old) != "last week's" || !strings.Contains(string(part), "\nanna,1,0,10,0,0x7e4e,\n") {
		t.Errorf("before the end there are %q and %q", old, part)
	}
	if err := table.Done(); err != nil {
		t.Fatal(err)
	}
	whole, _ := os.ReadFile(name)
	if _, err := os.Stat(name + partial); string(whole) != string(part) || err == nil {
		t.Errorf("at the end there are %q and the part: %v", whole, err)
	}
}

// TestNotesAreClean has a student's name that is to move the cursor of whoever grades.
func TestNotesAreClean(t *testing.T) {
	r := newReport(find(t, 1), Options{})
	r.note("\x1b[2J10/10")
	if s := text(t, r); strings.Contains(s, "\x1b") || strings.Contains(r.Line(), "\x1b") {
		t.Errorf("%q, %q", s, r.Line())
	}
}

// TestNoName has an empty name, as a variable gives that was not set. The current directory is not meant by it.
func TestNoName(t *testing.T) {
	t.Chdir(t.TempDir())
	put(t, ".", "realmode.go", "a night's work")
	e := find(t, 1)
	for _, err := range []error{Start(e, ""), func() error { _, err := take(e, ""); return err }()} {
		if err == nil || err.Error() != "DIR: its name is empty; name a directory" {
			t.Error(err)
		}
	}
	if err := write(".", e.Start()); err == nil {
		t.Error("a file that is there was written")
	}
	if text, err := os.ReadFile("realmode.go"); err != nil || string(text) != "a night's work" {
		t.Errorf("the work is %q, error %v", text, err)
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
