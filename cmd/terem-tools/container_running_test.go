package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"terem/internal/kvmtest"
	"terem/internal/running"
	"terem/internal/vm/control"
)

// newInn is a root file system with the probe of package container, and a place of the test's own for what runs.
func newInn(t *testing.T) (root string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can start such a container")
	}
	root = t.TempDir()
	build := exec.Command("go", "build", "-o", filepath.Join(root, "probe"), "../../internal/container/testdata/probe")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, name := range []string{"proc", "sys", "dev", "tmp"} {
		if err := os.Mkdir(filepath.Join(root, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	dir, err := os.MkdirTemp("", "terem-run") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("left: %v, %v", left, err)
		}
		os.RemoveAll(dir)
	})
	t.Setenv(running.RootVar, dir)
	return root
}

// detach starts a container in the background, under the name web.
func detach(t *testing.T, root string, args ...string) control.Info {
	t.Helper()
	o := terem(t, 0, append([]string{"container", "run", "--detach", "--name", "web", "--root", root, "--", "/probe"}, args...)...)
	if strings.Contains(o.stderr, "namespace") && os.Getenv(kvmtest.RequireVar) != "1" { // CI's host makes them
		t.Skip(o.stderr)
	}
	if o.status != 0 || o.out != "web\n" {
		t.Fatalf("%+v", o)
	}
	var list []control.Info
	for range 1000 {
		if err := json.Unmarshal([]byte(terem(t, 0, "ps", "--json").out), &list); err != nil || len(list) == 1 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if len(list) != 1 || list[0].Name != "web" || list[0].Kind != control.KindContainer || list[0].State != control.StateRunning || !list[0].Agent {
		t.Fatalf("ps: %+v", list)
	}
	return list[0]
}

// TestContainerByName: a container in the background, by its name, to its end.
func TestContainerByName(t *testing.T) {
	root := newInn(t)
	detach(t, root, "patient", "3")
	in := func(args ...string) []string { return append([]string{"exec", "web", "/probe"}, args...) }
	for _, tt := range []struct {
		args   []string
		status int
		out    string
		say    string
	}{
		{in("say", "hi"), 0, "hi\n", ""},
		{in("exit", "7"), 7, "", ""},
		{in("die", "15"), 143, "", ""},
		{[]string{"exec", "-e", "A=1", "-w", "/tmp", "web", "/probe", "show", "/proc/self/environ"}, 0, "HOME=/root\x00PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\x00A=1\x00", ""},
		{[]string{"exec", "-D", "web", "/probe", "exit", "1"}, 0, "", ""},
		{[]string{"exec", "web", "/nope"}, 127, "", "/nope: no such program in the container\n"},
		{[]string{"exec", "web", "/tmp"}, 126, "", "/tmp: the container cannot execute it: "},
		{[]string{"exec", "-u", "nobody", "web", "/probe"}, 126, "", "no such user"},
		{[]string{"exec", "-w", "/nope", "web", "/probe"}, 126, "", "working directory"},
		{[]string{"exec", "inn", "/probe"}, 64, "", "name inn"},
		{[]string{"container", "run", "--name", "web", "--root", root, "--", "/probe"}, 64, "", "name web"},
		{[]string{"ps", "-q"}, 0, "web\n", ""},
		{[]string{"balloon", "web", "1M"}, 69, "", "web: "},
		{[]string{"exits", "web"}, 69, "", "web: "},
		{[]string{"pause", "web"}, 0, "", ""},
		{in("say"), 69, "", "web: it is paused"},
		{[]string{"resume", "web"}, 0, "", ""},
		{in("say", "again"), 0, "again\n", ""},
	} {
		o := terem(t, 0, tt.args...)
		if o.status != tt.status || o.out != tt.out || !strings.Contains(o.stderr, tt.say) || tt.say == "" && o.stderr != "" {
			t.Errorf("%q: %+v, want %d %q %q", tt.args, o, tt.status, tt.out, tt.say)
		}
	}
	if o := terem(t, 0, "stats", "--json", "web"); o.status != 0 || !strings.Contains(o.out, `"name":"web"`) {
		t.Errorf("stats: %+v", o)
	}
	if o := terem(t, 0, "logs", "web"); o.out != "ready\n" {
		t.Errorf("logs: %+v", o)
	}
	if o := terem(t, 65534, in("say")...); o.status != 69 && o.status != 64 || o.out != "" || strings.Count(o.stderr, "\n") != 1 {
		t.Errorf("somebody else: %+v", o)
	}
	var wg sync.WaitGroup
	for i := range 10 {
		wg.Go(func() {
			if o := terem(t, 0, in("say", fmt.Sprint(i))...); o.status != 0 || o.out != fmt.Sprintln(i) {
				t.Errorf("at once: %+v", o)
			}
		})
	}
	wg.Wait()
	wg.Go(func() {
		if o := terem(t, 0, in("sleep")...); o.status != 85 || !strings.Contains(o.stderr, "it ended before /probe did") {
			t.Errorf("a program in a container that ends: %+v", o)
		}
	})
	wg.Go(func() {
		if o := terem(t, 0, "wait", "web"); (o.status != 0 || o.out != "3\n") && o.status != 64 { // on a slow host it may come too late
			t.Errorf("wait: %+v", o)
		}
	})
	awaitSleepers(1)
	time.Sleep(300 * time.Millisecond) // wait has nothing to be seen by
	if o := terem(t, 0, "stop", "web"); o.status != 0 {
		t.Errorf("stop: %+v", o)
	}
	wg.Wait()
}

// awaitSleepers waits until so many programs sleep in containers.
func awaitSleepers(n int) {
	for found := 0; found < n; time.Sleep(5 * time.Millisecond) {
		found = 0
		lines, _ := filepath.Glob("/proc/[1-9]*/cmdline")
		for _, line := range lines {
			if b, _ := os.ReadFile(line); string(b) == "/probe\x00sleep\x00" {
				found++
			}
		}
	}
}

// TestContainerHolderKilled: with terem its container goes, those who have a program in it are told, and nothing stays.
func TestContainerHolderKilled(t *testing.T) {
	root := newInn(t)
	info := detach(t, root, "deaf")
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if o := terem(t, 0, "exec", "web", "/probe", "sleep"); o.status != 85 {
				t.Errorf("%+v", o)
			}
		})
	}
	awaitSleepers(3)
	if err := syscall.Kill(info.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	for range 500 { // it dies in its own time
		if o := terem(t, 0, "ps", "-q"); o.out == "" {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("it is still listed")
}

// TestContainerStubborn: a program that does not heed SIGTERM has its time, and no more; one that is paused, too.
func TestContainerStubborn(t *testing.T) {
	root := newInn(t)
	for _, how := range [][]string{{"stop", "--time", "200ms", "web"}, {"kill", "web"}} {
		for _, paused := range []bool{false, true} {
			detach(t, root, "deaf")
			if paused {
				if o := terem(t, 0, "pause", "web"); o.status != 0 {
					t.Errorf("pause: %+v", o)
				}
			}
			if o := terem(t, 0, how...); o.status != 0 || o.stderr != "" {
				t.Errorf("%q: %+v", how, o)
			}
			if o := terem(t, 0, "ps", "-q"); o.out != "" {
				t.Errorf("after %q: %+v", how, o)
			}
		}
	}
}
