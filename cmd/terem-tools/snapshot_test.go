package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"terem/internal/fault"
	"terem/internal/vm/snapshot"
	"terem/memory"
)

// chain makes a snapshot, base, and a diff of it, later, in a new directory.
func chain(t *testing.T) (top string) {
	t.Helper()
	top = t.TempDir()
	g, err := memory.New(64 << 10)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	save := func(w *snapshot.Writer, err error, g *memory.Guest) {
		t.Helper()
		if err == nil {
			err = errors.Join(g.Store8(0x3000, 7), w.Memory(context.Background(), g), w.Commit(snapshot.State{Machine: json.RawMessage(`{"CPUs":[]}`)}))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	w, err := snapshot.Create(top+"/base", false)
	save(w, err, g)
	base, err := snapshot.Open(top + "/base")
	if err != nil {
		t.Fatal(err)
	}
	defer base.Close()
	own, err := base.Guest()
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	w, err = snapshot.CreateDiff(top+"/later", false, base)
	if err := own.Store8(0x5000, 1); err != nil {
		t.Fatal(err)
	}
	save(w, err, own)
	return top
}

func TestSnapshotChain(t *testing.T) {
	top := chain(t)
	base, later, all := top+"/base", top+"/later", top+"/all"
	wantOut := func(out string, args ...string) {
		t.Helper()
		if o := terem(t, 0, append([]string{"snapshot"}, args...)...); o.status != 0 || o.out != out || o.stderr != "" {
			t.Errorf("%q: %+v, want %q", args, o, out)
		}
	}
	wantFault := func(status int, words string, args ...string) {
		t.Helper()
		if o := terem(t, 0, append([]string{"snapshot"}, args...)...); o.status != status || o.out != "" || !strings.Contains(o.stderr, words) || strings.Count(o.stderr, "\n") != 1 {
			t.Errorf("%q: %+v, want %q", args, o, words)
		}
	}
	wantOut(base+": whole\n"+later+": whole, and so is its parent\n", "verify", base, later)
	wantOut("", "merge", later, all)
	wantOut("no page differs\n", "diff", later, all)
	o := terem(t, 0, "snapshot", "diff", base, later)
	if o.status != 0 || !strings.Contains(o.out, "      1        0          1         0  not told apart") {
		t.Errorf("%+v", o)
	}
	var r struct{ Owners []struct{ Runs []string } }
	o = terem(t, 0, "snapshot", "diff", "--json", base, later)
	if err := json.Unmarshal([]byte(o.out), &r); err != nil || len(r.Owners) != 1 || len(r.Owners[0].Runs) != 1 || r.Owners[0].Runs[0] != "0x5000+1" {
		t.Errorf("%v: %+v", err, o)
	}
	wantFault(fault.StatusUsage, "it exists; name another directory, or replace it with --force", "merge", later, all)
	wantOut("", "merge", "--force", later, all)
	wantFault(fault.StatusUsage, "it is a parent, and others need it", "merge", "--force", later, base)
	if err := os.RemoveAll(base); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"verify", later}, {"merge", later, top + "/more"}, {"diff", later, all}, {"diff", all, later}} {
		wantFault(fault.StatusUsage, "snapshot "+later+": its parent "+base+": no such file or directory; bring back", args...)
	}
	wantOut(all+": whole\n", "verify", all)
}
