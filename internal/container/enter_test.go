package container

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// enter runs the probe in a container that runs, to its end.
func enter(t testing.TB, k *Container, p Program, args ...string) (out string, o Outcome, err error) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := unix.Fchmod(int(w.Fd()), 0o666); err != nil {
		t.Fatal(err)
	}
	if p.Argv == nil {
		p.Argv = append([]string{"/probe"}, args...)
	}
	p.Stdout, p.Stderr = w, w
	process, err := k.Exec(p)
	w.Close()
	if err != nil {
		return "", o, err
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Error(err)
	}
	o, err = process.Wait()
	return string(b), o, err
}

// mustEnter expects status 0.
func mustEnter(t testing.TB, k *Container, p Program, args ...string) string {
	t.Helper()
	out, o, err := enter(t, k, p, args...)
	if err != nil || o.ExitStatus() != 0 {
		t.Fatalf("%q: %+v, %v, %q", args, o, err, out)
	}
	return out
}

// TestExec: a second program has what the first one has, and is not the first one's child.
func TestExec(t *testing.T) {
	needRoot(t)
	root := newRoot(t)
	if err := os.Mkdir(root+"/etc", 0o755); err != nil {
		t.Fatal(err)
	}
	writeFile(t, root+"/etc/passwd", "root:x:0:0::/root:/bin/sh\nweb:x:33:34::/srv:/bin/sh\n")
	writeFile(t, root+"/etc/group", "www:x:34:\nextra:x:77:root,web\n")
	run(t, Config{Root: root}, "exit", "0") // the first one of a process opens what the others need, too
	before := survey(t)
	r := begin(t, Config{Root: root, Hostname: "inn", Dir: "/tmp", Env: []string{"PATH=/", "A=1", "TERM=x"}}, "patient", "3")
	r.line()
	for _, file := range []string{"/proc/self/cgroup", "/proc/self/mountinfo", "/proc/self/uid_map", "/proc/self/limits"} {
		first, second := mustEnter(t, r.Container, Program{}, "show", "/proc/1/"+strings.TrimPrefix(file, "/proc/self/")), mustEnter(t, r.Container, Program{}, "show", file)
		if first != second || first == "" {
			t.Errorf("%s: %q, of the container's program %q", file, second, first)
		}
	}
	if got := mustEnter(t, r.Container, Program{}, "whoami"); !strings.HasPrefix(got, "0 0 /tmp inn ") || strings.HasSuffix(got, " 1\n") {
		t.Errorf("whoami: %s", got)
	}
	if got, want := links(mustEnter(t, r.Container, Program{}, "links", "/proc/self/ns")), links(mustEnter(t, r.Container, Program{}, "links", "/proc/1/ns")); got != want {
		t.Errorf("namespaces\n%s, of the container's program\n%s", got, want)
	}
	first, second := statusOf(t, r, Program{}, "1"), statusOf(t, r, Program{}, "self")
	for _, name := range []string{"Uid:", "Gid:", "Groups:", "CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:", "NoNewPrivs:", "Seccomp:", "Seccomp_filters:", "Umask:"} {
		if first[name] != second[name] {
			t.Errorf("%s %s, of the container's program %s", name, second[name], first[name])
		}
	}
	for _, name := range []string{"SigBlk:", "SigIgn:"} { // the first program ignores what its caller does, such as nohup(1)
		if second[name] != "0000000000000000" {
			t.Errorf("%s %s", name, second[name])
		}
	}
	for name, tt := range map[string]struct {
		p    Program
		args []string
		want string
	}{
		"environment": {Program{Env: []string{"A=2", "B=3"}}, []string{"show", "/proc/self/environ"}, "PATH=/\x00A=2\x00B=3\x00"},
		"user":        {Program{User: "web", Dir: "/"}, []string{"show", "/proc/self/environ"}, "PATH=/\x00A=1\x00HOME=/srv\x00USER=web\x00LOGNAME=web\x00"},
		"by path":     {Program{Argv: []string{"probe", "say", "hi"}}, nil, "hi\n"},
	} {
		if got := mustEnter(t, r.Container, tt.p, tt.args...); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
	status := statusOf(t, r, Program{User: "web"}, "self")
	if status["Uid:"] != "33\t33\t33\t33" || status["Gid:"] != "34\t34\t34\t34" || status["Groups:"] != "77" || status["CapPrm:"] != "0000000000000000" || status["CapBnd:"] != first["CapBnd:"] {
		t.Errorf("as a user: %q", status)
	}
	if _, o, err := enter(t, r.Container, Program{}, "exit", "7"); err != nil || o.ExitStatus() != 7 {
		t.Errorf("status: %+v, %v", o, err)
	}
	if _, o, err := enter(t, r.Container, Program{}, "die", "15"); err != nil || o.Signal != syscall.SIGTERM {
		t.Errorf("a signal: %+v, %v", o, err)
	}
	if err := r.Signal(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	if _, o := r.end(); o.Status != 3 {
		t.Errorf("the container's program: %+v", o)
	}
	if _, err := r.Exec(Program{Argv: []string{"/probe"}}); !errors.Is(err, ErrEnded) {
		t.Errorf("after its end: %v", err)
	}
	r.out.Close()
	nothingLeft(t, before)
}

func statusOf(t *testing.T, r *running, p Program, who string) map[string]string {
	t.Helper()
	return fields(strings.ReplaceAll(mustEnter(t, r.Container, p, "show", "/proc/"+who+"/status"), ":\t", ": "))
}

// links without those of the process numbers to come: they are not used.
func links(out string) string {
	var b strings.Builder
	for line := range strings.Lines(out) {
		if !strings.Contains(line, "_for_children") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// TestExecFiles: nothing of the host's is open in the program but its three files, and terem's own file is not what a
// process that enters runs.
func TestExecFiles(t *testing.T) {
	needRoot(t)
	leak, err := os.Open("/etc")
	if err != nil {
		t.Fatal(err)
	}
	defer leak.Close()
	open, err := unix.FcntlInt(leak.Fd(), unix.F_DUPFD, 100) // inherited by whoever is not careful
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(open)
	r := begin(t, Config{}, "patient", "0")
	r.line()
	if _, err := unix.FcntlInt(uintptr(open), unix.F_SETFD, 0); err != nil {
		t.Fatal(err)
	}
	list := fields(mustEnter(t, r.Container, Program{}, "links", "/proc/self/fd"))
	for fd, to := range list {
		if fd != "3" && !strings.HasPrefix(to, "pipe:") && to != "/dev/null" && !strings.HasPrefix(to, "/proc/") && !strings.HasPrefix(to, "anon_inode:") {
			t.Errorf("descriptor %s is %s", fd, to)
		}
	}
	if list["0"] != "/dev/null" || list["3"] != "" && !strings.HasPrefix(list["3"], "/proc/") {
		t.Errorf("%q", list)
	}
	_ = r.Kill()
	r.end()
}

// TestExecRefused: each failure has the name and the number that docs/agent.md has for it.
func TestExecRefused(t *testing.T) {
	needRoot(t)
	root := newRoot(t)
	writeFile(t, root+"/text", "no program")
	if err := os.Symlink("/proc/self/exe", root+"/self"); err != nil {
		t.Fatal(err)
	}
	r := begin(t, Config{Root: root, Env: []string{"PATH=/"}}, "patient", "0")
	r.line()
	before := survey(t)
	for name, tt := range map[string]struct {
		p    Program
		want Refusal
	}{
		"missing":          {Program{Argv: []string{"/nope"}}, Refusal{"execve", unix.ENOENT}},
		"missing in PATH":  {Program{Argv: []string{"nope"}}, Refusal{"execve", unix.ENOENT}},
		"with a terminal":  {Program{Argv: []string{"/nope"}, TTY: true}, Refusal{"execve", unix.ENOENT}},
		"no program":       {Program{Argv: []string{"/text"}}, Refusal{"execve", unix.EACCES}},
		"a directory":      {Program{Argv: []string{"/tmp"}}, Refusal{"execve", unix.EACCES}},
		"terem itself":     {Program{Argv: []string{"/proc/self/exe"}}, Refusal{"execve", unix.ELOOP}},
		"by a link":        {Program{Argv: []string{"/self"}}, Refusal{"execve", unix.ELOOP}},
		"no directory":     {Program{Argv: []string{"/probe"}, Dir: "/nope"}, Refusal{"chdir", unix.ENOENT}},
		"through /proc":    {Program{Argv: []string{"/probe"}, Dir: "/proc/self/fd/0"}, Refusal{"chdir", unix.ELOOP}},
		"no user":          {Program{Argv: []string{"/probe"}, User: "nobody"}, Refusal{"user", unix.ENOENT}},
		"no group":         {Program{Argv: []string{"/probe"}, User: "0:none"}, Refusal{"user", unix.ENOENT}},
		"an unmapped user": {Program{Argv: []string{"/probe"}, User: "70000"}, Refusal{"user", unix.EINVAL}},
		"too much":         {Program{Argv: []string{"/probe", strings.Repeat("x", maxMessage)}}, Refusal{"start", unix.E2BIG}},
	} {
		process, err := r.Exec(tt.p)
		var no *Refusal
		if !errors.As(err, &no) || *no != tt.want {
			t.Errorf("%s: %v, %v, want %v", name, process, err, &tt.want)
		}
	}
	eventually(t, "nothing left", func() bool { return survey(t).children == before.children })
	if now := survey(t); strings.Count(now.files, "\n") > strings.Count(before.files, "\n")+1 { // the sealed file
		t.Errorf("files\n%s\nbefore\n%s", now.files, before.files)
	}
	_ = r.Kill()
	r.end()
}

// TestExecEnds: with the container all of its programs end, and they are not said to have ended by themselves.
func TestExecEnds(t *testing.T) {
	needRoot(t)
	r := begin(t, Config{}, "patient", "0")
	r.line()
	var list []*Process
	for range 5 {
		p, err := r.Exec(Program{Argv: []string{"/probe", "sleep"}})
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
	if err := r.Kill(); err != nil {
		t.Error(err)
	}
	for _, p := range list {
		if o, err := p.Wait(); !errors.Is(err, ErrEnded) {
			t.Errorf("%+v, %v", o, err)
		}
	}
	r.end()
}

// TestExecMany: many at once, while the container ends: each runs, or is refused for that.
func TestExecMany(t *testing.T) {
	needRoot(t)
	run(t, Config{}, "exit", "0")
	before := survey(t)
	r := begin(t, Config{}, "patient", "0")
	r.line()
	for _, kill := range []bool{false, true} {
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				out, o, err := enter(t, r.Container, Program{}, "say", fmt.Sprint(i))
				if kill && errors.Is(err, ErrEnded) {
					return
				}
				if err != nil || o.ExitStatus() != 0 || out != fmt.Sprintln(i) {
					t.Errorf("%d: %q, %+v, %v", i, out, o, err)
				}
			})
		}
		if kill {
			time.Sleep(20 * time.Millisecond)
			_ = r.Kill()
		}
		wg.Wait()
	}
	r.end()
	r.out.Close()
	nothingLeft(t, before)
}

// TestExecTerminal: a terminal of the container's own, of a size, with the program in front.
func TestExecTerminal(t *testing.T) {
	needRoot(t)
	r := begin(t, Config{}, "patient", "0")
	r.line()
	p, err := r.Exec(Program{Argv: []string{"/probe", "terminal"}, TTY: true, Columns: 91, Rows: 17})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	buf := make([]byte, 1000)
	for !strings.Contains(out.String(), "ready") {
		n, err := p.Terminal().Read(buf)
		if err != nil {
			t.Fatalf("%q: %v", &out, err)
		}
		out.Write(buf[:n])
	}
	if !strings.HasPrefix(out.String(), "/dev/pts/") || !strings.Contains(out.String(), " 91 17\r\n") {
		t.Errorf("%q", &out)
	}
	p.Signal(syscall.SIGTERM)
	if o, err := p.Wait(); err != nil || o.Signal != syscall.SIGTERM {
		t.Errorf("%+v, %v", o, err)
	}
	p.Terminal().Close()
	_ = r.Kill()
	r.end()
}

// TestExecRights: what the container may not do to the host's files, a second program may not either, though its own
// files are pipes; and what a container with private files may, it may.
func TestExecRights(t *testing.T) {
	needShift(t)
	for _, writable := range []bool{false, true} {
		dir := t.TempDir()
		r := begin(t, Config{Binds: []Bind{{Source: dir, Target: "/b", ReadOnly: !writable}}}, "patient", "0")
		r.line()
		if got := mustEnter(t, r.Container, Program{}, "setid", "/tmp"); strings.Contains(got, "chmod <nil>") == writable || strings.Contains(got, "setxattr <nil>") == writable {
			t.Errorf("writable %v:\n%s", writable, got)
		}
		_ = r.Kill()
		r.end()
	}
}

// TestExecHunted: what enters holds nothing that somebody inside could take from it, be it root or the user that it is for.
func TestExecHunted(t *testing.T) {
	needRoot(t)
	for _, users := range []Users{UsersPrivate, UsersHost} {
		root := newRoot(t)
		r := begin(t, Config{Root: root, Users: users, Dir: "/"}, "hunt", EnterName)
		r.line()
		var wg sync.WaitGroup
		for i := range 30 {
			wg.Go(func() {
				p := Program{User: []string{"", "7"}[i%2]}
				if out, o, err := enter(t, r.Container, p, "say", "hi"); err != nil || o.ExitStatus() != 0 || out != "hi\n" {
					t.Errorf("%q, %+v, %v", out, o, err)
				}
			})
		}
		wg.Wait()
		writeFile(t, root+"/tmp/enough", "")
		if out, _ := r.end(); out != "seen true\n" {
			t.Errorf("%s: %s", users, out)
		}
	}
}

func TestLookupAccount(t *testing.T) {
	const passwd = "root:x:0:0:root:/root:/bin/sh\nbad\nweb:x:33:34::/srv:/bin/sh\nshort:x:5:6\nodd:x:7:y::\nbig:x:4294967295:0::/\n"
	const group = "root:x:0:\nwww:x:34:\nextra:x:77:root,web\nodd:x:z:web\nmore:x:78:web\n"
	for spec, want := range map[string]string{
		"root":    "{0 0 [77] root /root}",
		"0":       "{0 0 [77] root /root}",
		"web":     "{33 34 [77 78] web /srv}",
		"web:www": "{33 34 [] web /srv}",
		"web:9":   "{33 9 [] web /srv}",
		"33:more": "{33 78 [] web /srv}",
		"short":   "{5 6 [] short /}",
		"odd":     "{7 7 [] odd /}",
		"1000":    "{1000 0 []  /}",
		"1000:12": "{1000 12 []  /}",
		"nope":    "no such file or directory",
		"big":     "no such file or directory",
		"web:no":  "no such file or directory",
		"-1":      "no such file or directory",
		"+1":      "no such file or directory",
		"":        "no such file or directory",
		"web:":    "no such file or directory",
	} {
		a, err := lookupAccount(spec, passwd, group)
		got := fmt.Sprint(a)
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q: %s, want %s", spec, got, want)
		}
	}
}

func nothingLeft(t *testing.T, before leftovers) {
	t.Helper()
	var now leftovers
	for range 400 {
		if now = survey(t); now == before {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	now.mounts, before.mounts = strings.ReplaceAll(now.mounts, before.mounts, ""), ""
	t.Errorf("left\n%+v\nbefore\n%+v", now, before)
}
