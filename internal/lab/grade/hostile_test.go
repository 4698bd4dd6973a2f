package grade

import (
	"cmp"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// attack is an attempt at exercise 1 whose StartState calls hostile.
func attack(imports, body string) string {
	return `package exercise
import (
	"errors"
	` + strings.Join(strings.Fields(imports), "\n") + `
)
func APIVersion(int) (int, error) { return 0, errors.New("none") }
func New(int, []byte) (*Machine, error) { return nil, errors.New("none") }
func (m *Machine) Run(uint16) error { return nil }
func StartState(s Sregs, entry uint16) (Regs, Sregs) { hostile(); return Regs{}, s }
` + body
}

// attacks is one program with all of what follows, by its argument: one is quicker to build than many.
const attacks = `
func init() { if os.Args[1] == "exits at once" { os.Exit(0) } }
func overflow(n int) int { return overflow(n+1) + 1 }
func hostile() {
	switch os.Args[1] {
	case "loops":
		for {}
	case "deadlocks":
		select {}
	case "exits later":
		os.Exit(0)
	case "panics":
		var p []int
		_ = p[len(os.Args)]
	case "faults":
		*(*byte)(unsafe.Pointer(uintptr(16))) = 1
	case "overflows its stack":
		overflow(0)
	case "fills memory":
		for l := [][]byte{}; ; {
			b := make([]byte, 16<<20)
			for i := 0; i < len(b); i += 4096 {
				b[i] = 1
			}
			l = append(l, b)
		}
	case "fills the disk":
		for _, dir := range []string{"/", "/dev", "/tmp"} {
			f, err := os.Create(dir + "/f")
			for b := make([]byte, 1<<20); err == nil; { _, err = f.Write(b) }
		}
	case "forks":
		for {
			if pid, _, _ := syscall.RawSyscall(syscall.SYS_FORK, 0, 0, 0); pid == 0 { for { syscall.RawSyscall(syscall.SYS_PAUSE, 0, 0, 0) } }
		}
	case "starts threads":
		for i := 0; i < 1000; i++ { go func() { runtime.LockOSThread(); select {} }() }
		for { runtime.Gosched() }
	case "prints":
		for { os.Stdout.WriteString("all of it is right, 10 of 10 points\n") }
	case "prints a little":
		os.Stdout.WriteString("10/10 right\n")
		os.Exit(0)
	case "forges an answer":
		syscall.Write(0, []byte("{\"nonce\":\"1\",\"value\":{\"regs\":{\"RFLAGS\":2}}}"))
	case "hangs up":
		syscall.Shutdown(0, 2)
		time.Sleep(time.Hour)
	case "kills all":
		syscall.Kill(os.Getppid(), 9)
		syscall.Kill(-1, 9)
		syscall.Kill(1, 9)
		select {}
	case "escapes in its words":
		panic("\x1b[2J\x1b]0;title\a 10/10")
	}
}`

// TestHostile has programs do what none should, and wants the words for it.
func TestHostile(t *testing.T) {
	needContainer(t)
	e := find(t, 1)
	dir, built := started(t, e), filepath.Join(t.TempDir(), "built")
	put(t, dir, "realmode.go", attack(`"os" "runtime" "syscall" "time" "unsafe"`, attacks))
	if err := Build(t.Context(), e, dir, built); err != nil {
		t.Fatal(err)
	}
	const short, ample = 3 * time.Second, time.Minute // for what does not end by itself, and for what does
	for _, tt := range []struct {
		name        string
		limit       time.Duration
		seen, cause string // parts of what is said of the first check
	}{
		{"loops", short, "no answer in 3s", "loops or waits"},
		{"deadlocks", 0, "ended with status 2; it printed: fatal error: all goroutines are asleep", "Go runtime"},
		{"exits at once", 0, "ended with status 0", "exited by itself"},
		{"exits later", 0, "ended with status 0", "exited by itself"},
		{"panics", 0, "panic: runtime error: index out of range [2] with length 0, in realmode.go:", "panicked"},
		{"faults", 0, "panic: runtime error: invalid memory address", "panicked"},
		{"overflows its stack", 0, "exceeds 67108864-byte limit", "Go runtime"},
		{"fills memory", 0, "more than 512 MiB of memory", "takes memory"},
		{"fills the disk", 0, "more than 512 MiB of memory", "/tmp is memory"},
		{"forks", short, "more than 64 processes", "without an end"},
		{"starts threads", short, "more than 64 processes", "without an end"},
		{"prints", 0, "more than 1 MiB of output", "counts for nothing"},
		{"prints a little", 0, "it printed: 10/10 right", "exited by itself"},
		{"forges an answer", 0, "bytes on the grader's socket", "writes to descriptor 0"},
		{"hangs up", 0, "standard input was closed", "closed the grader's socket"},
		{"kills all", 0, "all goroutines are asleep", "Go runtime"}, // it is alone in there, and no signal of its own reaches it
		{"escapes in its words", 0, "panic: ?[2J?]0;title? 10/10", "panicked"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, err := Built(t.Context(), e, built, Options{Seed: seed, NoKVM: true, Limit: cmp.Or(tt.limit, ample), args: []string{tt.name}})
			if err != nil {
				t.Fatal(err)
			}
			w := r.Checks[0].Wrong
			if r.Points != 0 || w == nil || !strings.Contains(w.Seen, tt.seen) || !strings.Contains(w.Cause, tt.cause) {
				t.Errorf("want %q and %q of\n%s", tt.seen, tt.cause, text(t, r))
			}
		})
	}
}

// TestNothingToSteal has a program look for what is the grader's or the host's, and for a network.
func TestNothingToSteal(t *testing.T) {
	needContainer(t)
	e := find(t, 1)
	secret := filepath.Join(t.TempDir(), "answers-of-the-grader")
	put(t, filepath.Dir(secret), filepath.Base(secret), "the seed")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dir := started(t, e)
	put(t, dir, "realmode.go", attack(`"fmt" "io/fs" "net" "os" "path/filepath" "strings"`, `
func hostile() {
	_, err := os.ReadFile("`+secret+`")
	fmt.Println("secret:", err)
	filepath.WalkDir("/", func(name string, d fs.DirEntry, err error) error {
		if err == nil && (name == "/proc" || name == "/sys" || name == "/dev") { return fs.SkipDir }
		if err == nil && d.Type().IsRegular() { fmt.Println("file:", name) }
		return nil
	})
	fds, _ := os.ReadDir("/proc/self/fd")
	for _, d := range fds {
		to, _ := os.Readlink("/proc/self/fd/" + d.Name())
		if strings.HasPrefix(to, "/") && to != "/proc/self/fd" { fmt.Println("open:", to) }
	}
	procs, _ := filepath.Glob("/proc/[0-9]*")
	fmt.Println("processes:", len(procs))
	fmt.Println("environment:", len(os.Environ()))
	_, err = net.Dial("tcp", "`+l.Addr().String()+`")
	fmt.Println("network:", err)
	_, err = net.Dial("tcp", "192.0.2.1:80")
	fmt.Println("network:", err)
	panic("done")
}`))
	r := grade(t, e, dir)
	said := r.Printed
	for _, want := range []string{"secret: open " + secret + ": no such file or directory", "file: /exercise\n", "processes: 1\n", "environment: 4\n",
		"connection refused", "network is unreachable"} {
		if !strings.Contains(said, want) {
			t.Errorf("the program does not say %q", want)
		}
	}
	for line := range strings.Lines(said) {
		if strings.HasPrefix(line, "file: ") && line != "file: /exercise\n" || strings.HasPrefix(line, "open: ") {
			t.Errorf("the program finds %s", line)
		}
	}
	if t.Failed() {
		t.Log(text(t, r))
	}
}

// TestHostileDirectory has directories that are to make the grader read, or the compiler do, what it should not.
func TestHostileDirectory(t *testing.T) {
	e := find(t, 1)
	for _, tt := range []struct {
		name string
		do   func(dir string) error
		want string
	}{
		{"a link to the grader's files", func(dir string) error { return os.Symlink("/etc/shadow", filepath.Join(dir, "a.go")) }, "a.go: path escapes from parent"},
		{"a link within", func(dir string) error { return os.Symlink("realmode.go", filepath.Join(dir, "a.go")) }, "no regular file"},
		{"a directory", func(dir string) error { return os.Mkdir(filepath.Join(dir, "a.go"), 0o755) }, "no regular file"},
		{"a long file", func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "a.go"), make([]byte, mostBytes+1), 0o644)
		}, "more than 256 KiB"},
		{"many files", func(dir string) (err error) {
			for i := 0; i < mostFiles+1 && err == nil; i++ {
				err = os.WriteFile(filepath.Join(dir, strings.Repeat("a", i+1)+".go"), []byte("package exercise"), 0o644)
			}
			return err
		}, "more than 32 Go files"},
		{"the file is gone", func(dir string) error { return os.Remove(filepath.Join(dir, "realmode.go")) }, "it has no realmode.go"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := started(t, e)
			if err := tt.do(dir); err != nil {
				t.Fatal(err)
			}
			if _, err := take(e, dir); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v; want %q", err, tt.want)
			}
		})
	}
}

// TestDoesNotCompile wants the compiler's words, and nothing of a student's module but his package.
func TestDoesNotCompile(t *testing.T) {
	e := find(t, 1)
	rows := []struct{ name, add, want string }{
		{"a typing error", "package exercise\nfunc f() { retrun }\n", "extra.go:2:12: undefined: retrun"},
		{"C", "package exercise\n// #include <stdlib.h>\nimport \"C\"\nvar _ = C.free\n", "extra.go: imports C; exercises are plain Go"},
		{"C among others", "package exercise\nimport (\n\t\"os\"\n\tc \"C\"\n)\nvar _ = os.Args\n", "extra.go: imports C"},
		{"a file for others", "//go:build windows\n\npackage exercise\nvar X int\n", "extra.go: its name or its build constraint leaves it out"},
		{"a module of the network", "package exercise\nimport _ \"golang.org/x/sys/unix\"\n", "golang.org/x/sys/unix"},
		{"an embedded file", "package exercise\nimport _ \"embed\"\n//go:embed go.sum\nvar x string\n", "pattern go.sum: no matching files"},
		{"a huge object", "package exercise\nvar X = [1 << 33]byte{1<<33 - 1: 1}\nfunc init() { println(&X) }\n", "out of memory"},
		{"a name that is nowhere", "package exercise\nimport _ \"unsafe\"\n//go:linkname g runtime.nosuch\nfunc g()\nfunc init() { g() }\n", "relocation target runtime.nosuch not defined"},
		{"another package", "package other\n", "found packages exercise"},
		{"a circle", "package exercise\nimport _ \"exercise/grader\"\n", "is a program, not an importable package"},
	}
	if slow := 3; os.Getenv(all) == "" {
		rows = rows[:len(rows)-slow] // each of the last takes two builds and more
	}
	for _, tt := range rows {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := started(t, e)
			put(t, dir, "extra.go", tt.add)
			put(t, dir, "go.mod", "module exercise\ngo 9.9\ntoolchain go9.9.9\n") // the grader has its own
			r := grade(t, e, dir)
			if r.Points != 0 || r.Status() != StatusWrong || r.Checks[0].Check != compiles || !strings.Contains(r.Checks[0].Wrong.Seen, tt.want) {
				t.Errorf("want %q of\n%s", tt.want, text(t, r))
			}
		})
	}
}

// TestEmbedsTheHarness has a student read the grader's part of the program. It is nothing that he may not know, and the answers are not in it.
func TestEmbedsTheHarness(t *testing.T) {
	needContainer(t)
	e := find(t, 1)
	dir := laid(t, e, attempts(t, e)[0])
	put(t, dir, "extra.go", "package exercise\nimport \"embed\"\n//go:embed grader/*\nvar harness embed.FS\nfunc init() { b, _ := harness.ReadFile(\"grader/harness.go\"); println(len(b) > 1000) }\n")
	r := grade(t, e, dir)
	if r.Printed != "true\n" || len(r.Mistakes()) > 0 {
		t.Error(text(t, r))
	}
}
