package steer

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"terem/internal/fault"
	"terem/internal/running"
	"terem/internal/vm/control"
)

// run has something run under a name, until the test ends.
func run(t *testing.T, name string, v control.Verbs) {
	t.Helper()
	d, err := running.Claim(running.Root(), name, "")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	v.Ended = ended
	s, err := control.Listen(d.File(running.ControlSocket), v)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		close(ended)
		if err := errors.Join(s.Close(), d.Release()); err != nil {
			t.Error(err)
		}
	})
}

func TestList(t *testing.T) {
	t.Setenv(running.RootVar, t.TempDir())
	now := time.Unix(10000, 0)
	for name, i := range map[string]control.Info{
		"b": {Kind: "vm", PID: 5, Started: now.Add(-61 * time.Second), CPUs: 2, Memory: 128 << 20, Command: []string{"sh", "-c", "a b", "\x1b[2J", ""}},
		"a": {Kind: "container", PID: 6, Started: now.Add(-49 * time.Hour), CPUs: 0.5, Command: []string{strings.Repeat("x", 100)}},
		"c": {Kind: "vm", PID: 7, Started: now, CPUs: 1, Memory: 1 << 30},
	} {
		i.Name = name
		run(t, name, control.Verbs{Info: func() control.Info { return i }, End: func() control.End { return control.End{} }})
	}
	all, err := List()
	if err != nil {
		t.Fatal(err)
	}
	for form, want := range map[Form]string{
		Table: `NAME  KIND       STATE    UP     PID  CPUS  MEMORY   COMMAND
a     container  running  2d     6    0.5   -        xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...
b     vm         running  1m01s  5    2     128 MiB  sh -c "a b" "\x1b[2J" ""
c     vm         running  0s     7    1     1 GiB    (shell)
`,
		Names: "a\nb\nc\n",
	} {
		var got bytes.Buffer
		if err := WriteList(&got, form, all, now); err != nil || got.String() != want {
			t.Errorf("%s%v, want\n%s", &got, err, want)
		}
	}
	var got bytes.Buffer
	if err := WriteList(&got, JSON, []control.Info{}, now); err != nil || got.String() != "[]\n" {
		t.Errorf("nothing runs: %q, %v", &got, err)
	}
}

func TestStats(t *testing.T) {
	t.Setenv(running.RootVar, t.TempDir())
	used := control.Stats{CPU: 1500 * time.Millisecond, Resident: 3 << 20, Guest: &control.GuestMemory{Total: 100 << 20, Available: 60 << 20}}
	run(t, "one", control.Verbs{Info: func() control.Info { return control.Info{} }, Stats: func(context.Context) (control.Stats, error) { return used, nil }, End: func() control.End { return control.End{} }})
	first, err := Stats(nil, nil)
	if err != nil || len(first) != 1 || first[0].CPUPercent != nil {
		t.Fatalf("%+v, %v", first, err)
	}
	first[0].at = time.Now().Add(-10 * time.Second)
	used.CPU += 5 * time.Second
	second, err := Stats([]string{"one"}, map[string]Sample{"one": first[0]})
	if err != nil || len(second) != 1 || second[0].CPUPercent == nil || *second[0].CPUPercent < 10 || *second[0].CPUPercent > 50 {
		t.Fatalf("%+v, %v: want about 50 %%, or less if this test was stopped meanwhile", second, err)
	}
	p := 50.0
	second[0].CPUPercent = &p
	var got bytes.Buffer
	want := `NAME  CPU    CPU TIME  MEMORY  READ     WRITTEN  GUEST USES
one   50.0%  6.50s     3 MiB   0 bytes  0 bytes  40 MiB of 100 MiB
`
	if err := WriteStats(&got, false, second); err != nil || got.String() != want {
		t.Errorf("%s%v, want\n%s", &got, err, want)
	}
	if _, err := Stats([]string{"two"}, nil); fault.Status(err) != fault.StatusUsage {
		t.Errorf("a name that nothing has: %v", err)
	}
}

// TestEach: the others have their turn after one that fails, and the error names whom it is about.
func TestEach(t *testing.T) {
	t.Setenv(running.RootVar, t.TempDir())
	run(t, "good", control.Verbs{Info: func() control.Info { return control.Info{} }, Pause: func() error { return nil }, End: func() control.End { return control.End{} }})
	run(t, "bad", control.Verbs{Info: func() control.Info { return control.Info{} }, Pause: func() error { return errors.New("no") }, End: func() control.End { return control.End{} }})
	var done, said []string
	err := Each([]string{"gone", "bad", "good"}, func(err error) { said = append(said, err.Error()) }, func(name string, c control.Client) error {
		done = append(done, name)
		return c.Pause()
	})
	if err == nil || err.Error() != "bad: no" || strings.Join(done, " ") != "bad good" || len(said) != 1 || !strings.HasPrefix(said[0], "name gone: ") {
		t.Errorf("%q, %q: %v", done, said, err)
	}
	if err := Say("x", control.ErrGone); fault.Status(err) != fault.StatusHost || !strings.HasPrefix(err.Error(), "x: ") {
		t.Errorf("a server that is gone: %v", err)
	}
}

// TestFollow: all that a log has at the end comes, and nothing is waited for without an end to wait for.
func TestFollow(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := io.WriteString(w, "one\n"); err != nil {
		t.Fatal(err)
	}
	w.Close()
	var got bytes.Buffer
	if err := Follow(t.Context(), &got, r, nil); err != nil || got.String() != "one\n" {
		t.Errorf("%q, %v", &got, err)
	}
	log := new(grown)
	ended := make(chan struct{})
	log.at = map[int]string{1: "a", 3: "b", 4: "c"}
	log.then = map[int]func(){3: func() { close(ended) }}
	got.Reset()
	if err := Follow(t.Context(), &got, log, ended); err != nil || got.String() != "abc" {
		t.Errorf("%q, %v: want what came after the end was known, too", &got, err)
	}
}

// grown is a file to which something is added between reads of its end.
type grown struct {
	reads int
	at    map[int]string
	then  map[int]func()
}

func (g *grown) Read(p []byte) (int, error) {
	g.reads++
	if f := g.then[g.reads]; f != nil {
		f()
	}
	if s := g.at[g.reads]; s != "" {
		return copy(p, s), nil
	}
	return 0, io.EOF
}
