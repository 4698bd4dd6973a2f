package place

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestEngineNames wants all of them to be looked for, and one that is not there to say so in a line.
func TestEngineNames(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	var names []string
	for _, i := range Engines(t.Context(), EngineNames()) {
		names = append(names, i.Name)
		if want := i.Name + ": not installed"; i.Absent() != want || i.Missing(&Workspace{root: true}, Need{}) != want {
			t.Errorf("%q", i.Absent())
		}
	}
	if !slices.Equal(names, EngineNames()) {
		t.Errorf("%q", names)
	}
	for _, i := range All() {
		if i.Absent() != "" {
			t.Errorf("%s: %s", i.Name, i.Absent())
		}
	}
}

// fake puts a program into $PATH, in front of the others.
func fake(t *testing.T, name, script string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
}

func engineNamed(t *testing.T, name string) Isolation {
	t.Helper()
	list := Engines(t.Context(), []string{name})
	if len(list) != 1 || list[0].Name != name {
		t.Fatalf("%s: %v", name, list)
	}
	return list[0]
}

// TestEngineMissing: runtimes are taken along where a row harms the machine, the others never run such a row.
func TestEngineMissing(t *testing.T) {
	fake(t, "runc", "")
	fake(t, "podman", "")
	fake(t, "docker", "[ $1 = version ]") // and says nothing
	danger := Need{Disposable: true}
	for _, tt := range []struct {
		name string
		w    Workspace
		n    Need
		want string
	}{
		{"runc", Workspace{root: true}, Need{}, ""},
		{"runc", Workspace{}, Need{}, "runc: no root"},
		{"runc", Workspace{}, danger, ""},
		{"runc", Workspace{root: true, noKVM: "no KVM"}, danger, "no KVM; this row harms"},
		{"podman", Workspace{root: true}, Need{}, ""},
		{"podman", Workspace{root: true}, danger, "podman stays on this host"},
		{"podman", Workspace{root: true, noKVM: "no KVM"}, danger, "no KVM; this row harms"},
		{"docker", Workspace{root: true}, Need{}, "docker: its daemon does not answer"},
	} {
		got := engineNamed(t, tt.name).Missing(&tt.w, tt.n)
		if !strings.HasPrefix(got, tt.want) || (got == "") != (tt.want == "") {
			t.Errorf("%s, %+v: %q", tt.name, tt.n, got)
		}
	}
}

// TestDocker speaks with a docker that writes down what it is asked: what was made is removed.
func TestDocker(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	fake(t, "docker", `echo "$@" >> `+log+`
case $1 in version) echo 28.0 ;; import) cat > /dev/null ;; esac`)
	i := engineNamed(t, "docker")
	if i.Absent() != "" {
		t.Fatal(i.Absent())
	}
	w := newTestWorkspace(t)
	if err := os.MkdirAll(w.Programs(), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(w.Programs()+"/busybox", []byte("#!/bin/sh\nexec \"$@\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	p, err := i.Open(t.Context(), w, Need{})
	if err != nil {
		t.Fatal(err)
	}
	if argv := strings.Join(p.Attacker.Argv("script"), " "); !strings.HasSuffix(argv, "/docker run --rm --interactive --name test-box-2 --read-only --tmpfs /tmp test-image sh -c script") {
		t.Errorf("%q", argv)
	}
	p.Close()
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	w.keeper, w.undo = newKeeper(), nil // the test closes it, too
	b, _ := os.ReadFile(log)
	want := "version --format {{.Server.Version}}\nimport - test-image\nrm --force --volumes test-box-1\nrm --force --volumes test-box-2\nrmi --force test-image\n"
	if string(b) != want {
		t.Errorf("%s", b)
	}
}

// TestDockerNotAsked: nobody who wants another engine waits for docker, and nobody who has ended it does.
func TestDockerNotAsked(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	fake(t, "docker", "echo $@ >> "+log)
	engineNamed(t, "crun")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if list := Engines(ctx, EngineNames()); len(list) > 0 {
		t.Errorf("%v", list)
	}
	if b, err := os.ReadFile(log); err == nil {
		t.Errorf("%s", b)
	}
}

// TestLeft: what cannot be removed is said when the workspace is closed; what is gone already is not.
func TestLeft(t *testing.T) {
	fake(t, "docker", `case "$*" in *stuck*) echo 'cannot remove: device or resource busy' ;; *) echo "Error: No such image: $2" ;; esac; exit 1`)
	w := newTestWorkspace(t)
	d := &docker{engine: findEngine("docker")}
	w.leaves(d.remove("image gone", "rmi", "gone"))
	w.leaves(d.remove("image stuck", "rmi", "stuck"))
	err := w.Close()
	const want = "left behind: docker's image stuck: cannot remove: device or resource busy; `docker rmi stuck` removes it"
	if err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
	w.keeper, w.left = newKeeper(), nil // the test closes it, too
}

// TestConfig reads a runtime's configuration as one does.
func TestConfig(t *testing.T) {
	var c struct {
		Process struct{ Args []string }
		Root    struct {
			Path     string
			ReadOnly bool
		}
		Mounts []struct{ Destination, Source string }
		Linux  struct {
			Namespaces  []struct{ Type string }
			CgroupsPath string
		}
	}
	script := "echo \"$SECRET\" > '/tmp/a b'\n"
	if err := json.Unmarshal([]byte(ociBox{id: "x-1", root: "/r", data: "/d"}.config(script)), &c); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(c.Process.Args, []string{"sh", "-c", script}) || c.Root.Path != "/r" || !c.Root.ReadOnly || c.Linux.CgroupsPath != "/x-1" {
		t.Errorf("%+v", c)
	}
	for _, ns := range c.Linux.Namespaces {
		if ns.Type == "user" {
			t.Error("engines make no user namespace by themselves")
		}
	}
	if last := c.Mounts[len(c.Mounts)-1]; last.Destination != bound || last.Source != "/d" {
		t.Errorf("%+v", last)
	}
}

// TestLibraries takes along all that a program of this host needs, and nothing for one that needs nothing.
func TestLibraries(t *testing.T) {
	program, err := filepath.EvalSymlinks("/bin/sh")
	if err != nil {
		t.Skip(err)
	}
	files, err := libraries(program)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if info, err := os.Stat(f); err != nil || !info.Mode().IsRegular() {
			t.Errorf("%s: %v", f, err)
		}
	}
	root := t.TempDir()
	e := &engine{program: "tool", path: program}
	if err := e.install(root); err != nil {
		t.Fatal(err)
	}
	for _, f := range append(files, e.inside()) {
		if _, err := os.Stat(filepath.Join(root, f)); err != nil {
			t.Error(err)
		}
	}
	script := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(script, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := (&engine{program: "tool", path: script}).install(root); err == nil || !strings.Contains(err.Error(), "take tool along") {
		t.Errorf("%v", err)
	}
}
