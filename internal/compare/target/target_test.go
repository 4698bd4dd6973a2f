package target

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"terem/internal/compare/result"
	"terem/internal/compare/spawn"
)

// workspace is one whose engines are scripts.
func workspace(t *testing.T, scripts map[string]string) *Workspace {
	t.Helper()
	bin := t.TempDir()
	for name, text := range scripts {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", bin+":/usr/bin:/bin")
	h, err := spawn.NewHost(nil, false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	dir := t.TempDir()
	root := filepath.Join(dir, "root")
	if err := os.MkdirAll(filepath.Join(root, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	return &Workspace{ID: "terem-compare-test", Dir: dir, Root: root, Terem: "/opt/terem", Host: h, CPUs: 3, Log: func(s string) { t.Log(s) }}
}

func TestNames(t *testing.T) {
	seen := map[string]bool{}
	for _, x := range All(&Workspace{}) {
		a := x.About()
		if a.Name == "" || a.Title == "" || a.Kind == "" || a.Note == "" || seen[a.Name] {
			t.Errorf("about %+v", a)
		}
		seen[a.Name] = true
	}
	if !seen[result.Base] {
		t.Error("the base of all ratios is not among the targets")
	}
}

// TestCommands: every target runs the program that it is given, with its data file where
// the program will find it, and under the run's name where it has one.
func TestCommands(t *testing.T) {
	w := workspace(t, nil)
	r := Run{ID: w.ID + "-7", Argv: []string{"/bin/probe", "read", DataWord}, Data: "/srv/data.img"}
	for _, x := range All(w) {
		name := x.About().Name
		if name == "qemu" { // needs the guest
			continue
		}
		c, err := x.Command(r)
		if name == "jvm" {
			if err == nil {
				t.Error("the Java VM takes a mode that it does not have")
			}
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		line := c.String()
		inside := map[string]string{"process": "/srv/data.img", "vm": "/dev/vda"}[name]
		if inside == "" {
			inside = inData
		}
		if b, err := os.ReadFile(filepath.Join(w.Dir, name, r.ID, "config.json")); err == nil {
			line += string(b)
		}
		for _, want := range []string{"/bin/probe", "read", inside, "/srv/data.img"} {
			if !strings.Contains(line, want) {
				t.Errorf("%s: no %q in %s", name, want, line)
			}
		}
		if strings.Contains(line, DataWord) || strings.Contains(line, RootWord) {
			t.Errorf("%s: a word stands as it was: %s", name, line)
		}
	}
}

func TestSpec(t *testing.T) {
	w := workspace(t, nil)
	c, err := newOCI(w, "crun").Command(Run{ID: w.ID + "-1", Argv: []string{"/bin/probe", "idle"}})
	if err != nil {
		t.Fatal(err)
	}
	if c.Argv[0] != "crun" || c.Argv[len(c.Argv)-1] != w.ID+"-1" {
		t.Errorf("command %v", c.Argv)
	}
	b, err := os.ReadFile(filepath.Join(w.Dir, "crun", w.ID+"-1", "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	var s specs.Spec
	if err := json.Unmarshal(b, &s); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(s.Process.Args, []string{"/bin/probe", "idle"}) || s.Root.Path != w.Root || !s.Process.NoNewPrivileges {
		t.Errorf("process %+v, root %+v", s.Process, s.Root)
	}
	l := s.Linux.Resources
	if *l.Memory.Limit != Memory || *l.Pids.Limit != PIDs || *l.CPU.Quota != 3*int64(*l.CPU.Period) {
		t.Errorf("limits %s", b)
	}
	if !strings.HasPrefix(s.Linux.CgroupsPath, "/"+w.ID+"/") {
		t.Errorf("cgroup %s: not below the comparison's", s.Linux.CgroupsPath)
	}
}

// dockerScript is a docker client whose daemon answers; it notes what it is asked.
const dockerScript = `echo "$*" >>"$LOG"
case "$1" in
ps) if [ -e "$LOG.left" ]; then echo 0123456789ab; fi ;;
images) echo fedcba987654 ;;
rm) rm -f "$LOG.left" ;;
esac`

// TestUsersDaemon: with a daemon that was there before, nothing is touched that does not
// bear the workspace's name.
func TestUsersDaemon(t *testing.T) {
	w := workspace(t, map[string]string{"docker": dockerScript, "dockerd": "exit 1"})
	log := filepath.Join(t.TempDir(), "log")
	t.Setenv("LOG", log)
	d := newDaemon(w)
	bridge, none := &docker{w: w, d: d}, &docker{w: w, d: d, network: "none"}
	ctx := t.Context()
	for _, x := range []*docker{bridge, none} {
		if _, err := x.Find(ctx); err != nil {
			t.Fatal(err)
		}
		if err := x.Prepare(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(log+".left", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{w.ID + "-1", w.ID + "-2"} { // the first is there, the second is not
		if err := bridge.Remove(ctx, id); err != nil {
			t.Error(err)
		}
	}
	for _, x := range []*docker{bridge, none} {
		if err := x.Close(ctx); err != nil {
			t.Error(err)
		}
	}
	b, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for line := range strings.Lines(string(b)) {
		verb, _, _ := strings.Cut(line, " ")
		count[verb]++
		if verb != "--version" && verb != "--version\n" && verb != "version" && !strings.Contains(line, w.ID) && line != "image rm --force fedcba987654\n" {
			t.Errorf("docker %s", line)
		}
	}
	if count["import"] != 1 || count["rm"] != 1 || count["ps"] != 3 || count["image"] != 1 {
		t.Errorf("calls %v", count)
	}
}

// TestNoDaemon: an ordinary user is told, and root gets the last words of a dockerd that
// does not start.
func TestNoDaemon(t *testing.T) {
	w := workspace(t, map[string]string{"docker": `case "$*" in *--version*) echo 1;; *) exit 1;; esac`,
		"dockerd": "echo 'failed to start: no luck'; exit 1", "ip": "exit 0", "unshare": `while [ "$1" != sh ]; do shift; done; exec "$@"`})
	x := &docker{w: w, d: newDaemon(w)}
	_, err := x.Find(t.Context())
	if os.Getuid() != 0 {
		if err == nil {
			t.Error("a daemon was found")
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := x.Prepare(t.Context()); err == nil || !strings.Contains(err.Error(), "no luck") {
		t.Errorf("error %v", err)
	}
	if err := x.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestVersion(t *testing.T) {
	w := workspace(t, map[string]string{"good": "echo good 1.2; echo more", "bad": "echo oh no >&2; exit 4", "old": "echo old 0.1 >&2"})
	ctx := context.Background()
	if v, err := w.version(ctx, "good", "--version"); v != "good 1.2" || err != nil {
		t.Errorf("%q, %v", v, err)
	}
	if v, err := w.version(ctx, "old", "-version"); v != "old 0.1" || err != nil {
		t.Errorf("%q, %v", v, err)
	}
	if _, err := w.version(ctx, "bad", "--version"); err == nil || !strings.Contains(err.Error(), "oh no") {
		t.Errorf("%v", err)
	}
	if _, err := w.version(ctx, "none-of-"+strconv.Itoa(os.Getpid())); !errors.Is(err, ErrAbsent) {
		t.Errorf("%v", err)
	}
}
