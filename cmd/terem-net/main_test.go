package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"terem/internal/fault"
	"terem/internal/network"
	"terem/internal/network/link"
)

// TestModules: what is linked here is what a guest's frames meet.
func TestModules(t *testing.T) {
	may := []string{"github.com/google/btree", "golang.org/x/exp", "golang.org/x/net", "golang.org/x/sys", "golang.org/x/time", "gvisor.dev/gvisor", "terem"}
	out, err := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	if linked := slices.Compact(slices.Sorted(slices.Values(strings.Fields(string(out))))); !slices.Equal(linked, may) {
		t.Errorf("links %q, want %q", linked, may)
	}
}

// TestPlan: one line for who calls it by hand, or from another version.
func TestPlan(t *testing.T) {
	for _, args := range [][]string{{"terem-net"}, {"terem-net", "x"}, {"terem-net", "{}"}, {"terem-net", `{"Form":99}`}, {"terem-net", "{}", "{}"}} {
		_, err := planOf(args)
		var f *fault.Error
		if !errors.As(err, &f) || strings.Contains(f.Error(), "\n") || f.Mend == "" {
			t.Errorf("%q: %v", args, err)
		}
	}
}

// TestProcess: the process answers, has given up what it does not need, and ends with the one that has started it.
func TestProcess(t *testing.T) {
	program := filepath.Join(t.TempDir(), "terem-net")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, closed := range []string{"link", "life"} {
		l, theirs, err := link.Pair()
		if err != nil {
			t.Fatal(err)
		}
		gone, life, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		plan, err := json.Marshal(network.NewPlan(network.Spec{Kind: network.User, MTU: 1500}, nil))
		if err != nil {
			t.Fatal(err)
		}
		c := exec.Command(program, string(plan))
		c.ExtraFiles, c.Stderr = []*os.File{theirs, gone}, os.Stderr
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		theirs.Close()
		gone.Close()
		arp(t, l)
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.Process.Pid))
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range []string{"NoNewPrivs:\t1", "Seccomp:\t2", "CapEff:\t0000000000000000"} {
			if !strings.Contains(string(status), w) {
				t.Errorf("no %q in %s", w, status)
			}
		}
		if strings.Contains(string(status), "Uid:\t0\t") {
			t.Error("it is root")
		}
		if closed == "link" {
			l.Close()
			defer life.Close()
		} else {
			life.Close()
			defer l.Close()
		}
		if err := c.Wait(); err != nil {
			t.Errorf("after the end of the %s: %v", closed, err)
		}
	}
}

// arp asks who the gateway is, until there is an answer: it may come when there is no sandbox yet, so there are two.
func arp(t *testing.T, l *link.Link) {
	t.Helper()
	f := make([]byte, 12+14+28)
	eth := f[12:]
	copy(eth, "\xff\xff\xff\xff\xff\xff\x52\x54\x00\x74\x65\x15\x08\x06\x00\x01\x08\x00\x06\x04\x00\x01\x52\x54\x00\x74\x65\x15\x0a\x00\x02\x0f\x00\x00\x00\x00\x00\x00\x0a\x00\x02\x02")
	for range 2 {
		if err := l.Send([][]byte{f}); err != nil {
			t.Fatal(err)
		}
		for answer := make([]byte, 2000); ; {
			k, err := l.Receive([][]byte{answer}, true)
			if err != nil {
				t.Fatal(err)
			}
			if k >= len(f) && string(answer[24:26]) == "\x08\x06" && answer[33] == 2 {
				break
			}
		}
	}
}
