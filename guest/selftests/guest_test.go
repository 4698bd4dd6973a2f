package main

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// fakeTerem is a script in place of terem. Its arguments end as terem's do: with the order.
func fakeTerem(t *testing.T, text string) machines {
	t.Helper()
	path := filepath.Join(t.TempDir(), "terem")
	if err := os.WriteFile(path, []byte("#!/bin/sh\nfor jobs; do :; done\n"+text), 0o755); err != nil {
		t.Fatal(err)
	}
	return machines{terem: path, initrd: "i", memory: "64M", cpus: 1, log: io.Discard}
}

func statuses(results map[int]outcome, n int) string {
	var all []string
	for i := range n {
		all = append(all, results[i].status)
	}
	return strings.Join(all, " ")
}

// TestMachineEnds: the program under which a machine ends has that as its result, and another machine runs the rest.
func TestMachineEnds(t *testing.T) {
	tab := mustTable(t, "x86/a root 1s\nx86/b root 1s\nx86/c root 1s\n")
	m := fakeTerem(t, `case $jobs in
0-2) echo @begin 0; echo '|hello'; echo @end 0 pass 0 5; echo @begin 1; echo 'terem: cannot go on' >&2; exit 84 ;;
2) echo @begin 2; echo @end 2 skip 4 5; echo @done ;;
esac`)
	results, err := m.run(t.Context(), tab, order{scale: 1, jobs: []int{0, 1, 2}})
	if err != nil {
		t.Fatal(err)
	}
	if got := statuses(results, 3); got != "pass machine:84 skip" {
		t.Errorf("results %q", got)
	}
	if results[0].output != "hello\n" || results[1].output != "terem: cannot go on\n" {
		t.Errorf("outputs %q and %q", results[0].output, results[1].output)
	}
}

func TestMachineHangs(t *testing.T) {
	tab := mustTable(t, "x86/a root 1s\n")
	m := fakeTerem(t, "echo @begin 0; exec sleep 60")
	results, err := m.run(t.Context(), tab, order{scale: 0.005, jobs: []int{0}})
	if err != nil || statuses(results, 1) != "machine:hung" {
		t.Errorf("%+v, %v", results, err)
	}
}

// TestMachineOfNoUse: one that runs nothing is not tried again and again.
func TestMachineOfNoUse(t *testing.T) {
	tab := mustTable(t, "x86/a root 1s\n")
	m := fakeTerem(t, "echo 'terem: no KVM here' >&2; exit 69")
	_, err := m.run(t.Context(), tab, order{scale: 1, jobs: []int{0}})
	if err == nil || !strings.Contains(err.Error(), "status 69 and said: terem: no KVM here") {
		t.Errorf("%v", err)
	}
}

func TestCommandOfMachine(t *testing.T) {
	b := boot{machines: machines{initrd: "i", memory: "1G", cpus: 2, append: "x=y"}, order: order{scale: 2, jobs: []int{1, 2}}}
	want := strings.Fields("run --quiet --initrd i --memory 1G --cpus 2 --append x=y -- /t/selftests guest")
	if got := b.command(); !slices.Equal(got, append(want, "", "", "2", "1-2")) {
		t.Errorf("%q", got)
	}
}

func TestProgramsIn(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"x86/a", "futex/functional/b"} {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := programsIn(dir); err != nil || !slices.Equal(got, []string{"futex/functional/b", "x86/a"}) {
		t.Errorf("%q, %v", got, err)
	}
}
