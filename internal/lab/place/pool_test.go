package place

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// fakeTerem is a terem whose machines are a file and a process.
const fakeTerem = `#!/bin/sh
until [ "$1" = --name ]; do shift; done
mkdir -p "$TEREM_RUNTIME_DIR/$2"
: > "$TEREM_RUNTIME_DIR/$2/control.sock"
exec sleep 1000
`

// newFakeWorkspace has machines without KVM.
func newFakeWorkspace(t *testing.T) *Workspace {
	t.Helper()
	t.Setenv("TEREM_RUNTIME_DIR", t.TempDir())
	w := newTestWorkspace(t)
	w.based, w.terem = true, filepath.Join(t.TempDir(), "terem")
	busybox := filepath.Join(w.Programs(), "busybox") // taskset -c 0
	err := errors.Join(os.MkdirAll(w.Programs(), 0o755), os.WriteFile(busybox, []byte("#!/bin/sh\nshift 3\nexec \"$@\"\n"), 0o755),
		os.WriteFile(w.terem, []byte(fakeTerem), 0o755))
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// open opens a pair of machines' or of containers in one, for a row that harms machines or not.
func openPair(t *testing.T, w *Workspace, name string, n Need) *Pair {
	t.Helper()
	for _, i := range All() {
		if i.Name == name {
			p, err := i.Open(t.Context(), w, n)
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
	}
	t.Fatal(name)
	return nil
}

// names are the machines of a pair.
func names(p *Pair) string {
	var all []string
	for _, m := range p.machines {
		all = append(all, m.name)
	}
	return strings.Join(all, " ")
}

// TestPool: a machine serves containers until one of them is harmed, and no process.
func TestPool(t *testing.T) {
	w := newFakeWorkspace(t)
	danger := Need{Disposable: true}
	for _, tt := range []struct {
		column   string
		unharmed bool
		want     string
	}{
		{"container", true, "test-1"},
		{"hardened", true, "test-1"},
		{"process", true, "test-2"},
		{"process", true, "test-3"},
		{"container", false, "test-1"},
		{"hardened", true, "test-4"},
		{"container", true, "test-4"},
	} {
		p := openPair(t, w, tt.column, danger)
		if got := names(p); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.column, got, tt.want)
		}
		machines := p.machines
		if tt.unharmed {
			p.Unharmed()
		}
		p.Close()
		for _, m := range machines {
			if kept := m.p != nil; kept != (tt.unharmed && tt.column != "process") {
				t.Errorf("%s: kept: %v", tt.column, kept)
			}
		}
	}
}

// TestPoolOfMachines: a victim's machine serves on, an attacker's only if the row harms none; on one processor both are new.
func TestPoolOfMachines(t *testing.T) {
	w := newFakeWorkspace(t)
	used := map[string]int{}
	for _, n := range []Need{{}, {}, {Disposable: true}, {Disposable: true}, {OneCPU: true}} {
		p := openPair(t, w, "vm", n)
		for _, name := range strings.Fields(names(p)) {
			used[name]++
		}
		p.Unharmed()
		p.Close()
	}
	var often int
	for _, n := range used {
		if n > 1 {
			often += n
		}
	}
	// The victim's serves four times, the attacker's twice; two attackers' that were harmed, and two on one processor.
	if len(used) != 6 || often != 6 {
		t.Errorf("%v", used)
	}
}

// TestEnded: a machine that was kept and has ended is not given away.
func TestEnded(t *testing.T) {
	w := newFakeWorkspace(t)
	p := openPair(t, w, "container", Need{Disposable: true})
	m := p.machines[0]
	p.Unharmed()
	p.Close()
	_ = m.p.cmd.Process.Kill()
	<-m.p.gone
	p = openPair(t, w, "container", Need{Disposable: true})
	if p.machines[0] == m {
		t.Error("it has ended")
	}
	p.Close()
}

// TestOld: a machine that would end soon is given away no more, kept or just started.
func TestOld(t *testing.T) {
	w := newFakeWorkspace(t)
	p := openPair(t, w, "container", Need{Disposable: true})
	kept, spare := p.machines[0], w.pool.spare
	p.Unharmed()
	p.Close()
	for _, m := range []*machine{kept, spare} {
		m.born = m.born.Add(-MachineAge)
	}
	p = openPair(t, w, "container", Need{Disposable: true})
	if m := p.machines[0]; m == kept || m == spare || kept.p != nil || spare.p != nil {
		t.Errorf("%s", m.name)
	}
	p.Close()
}
