package launch

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"terem/guest"
	"terem/guest/cmdline"
	"terem/internal/fault"
	"terem/internal/vm/machine"
)

// files is an Options whose output is no terminal.
func files(t *testing.T, o Options) *Options {
	t.Helper()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { null.Close() })
	o.Stdin, o.Stdout, o.Stderr = null, null, null
	o.CPUs = max(o.CPUs, 1)
	return &o
}

func TestKernelLine(t *testing.T) {
	t.Setenv("TERM", "xterm")
	const common = "console=ttyS0 reboot=k panic=-1"
	own := common + " " + cmdline.Kernel(1) + " " + cmdline.GenerationWord()
	for _, tt := range []struct {
		name      string
		o         Options
		own, pipe bool
		want      string
	}{
		{"stranger", Options{}, false, true, common},
		{"stranger, words added", Options{Append: "ro quiet"}, false, false, common + " ro quiet"},
		{"own, terminal", Options{}, true, false, own + " terem.term=xterm terem.agent=1"},
		{"own, pipe", Options{}, true, true, own + " terem.pipe=1 terem.agent=1"},
		{"own, command", Options{Command: []string{"uname", "-s"}}, true, true, own + " terem.cmd=dW5hbWUALXMA terem.pipe=1 terem.agent=1"},
		{"own, words added last", Options{Append: "panic=5"}, true, true, own + " terem.pipe=1 terem.agent=1 panic=5"},
		{"own, two CPUs", Options{CPUs: 2}, true, true, common + " " + cmdline.Kernel(2) + " " + cmdline.GenerationWord() + " terem.pipe=1 terem.agent=1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := kernelLine(files(t, tt.o), tt.own, tt.pipe, way{agent: tt.own})
			if err != nil || got != tt.want {
				t.Errorf("kernel command line\n%q, %v; want\n%q", got, err, tt.want)
			}
		})
	}
}

func TestKernelLineErrors(t *testing.T) {
	for want, tt := range map[string]struct {
		command []string
		own     bool
	}{
		"only the default guest's init takes one": {[]string{"ls"}, false},
		"NUL": {[]string{"echo", "a\x00b"}, true},
	} {
		_, err := kernelLine(files(t, Options{Command: tt.command}), tt.own, true, way{})
		if fault.Status(err) != fault.StatusUsage || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", tt.command, err, want)
		}
	}
}

func TestOpenImages(t *testing.T) {
	dir := t.TempDir()
	good, private := filepath.Join(dir, "good"), filepath.Join(dir, "private")
	for path, mode := range map[string]os.FileMode{good: 0o600, private: 0} {
		if err := os.WriteFile(path, []byte("image"), mode); err != nil {
			t.Fatal(err)
		}
	}
	before := openFiles(t)
	for _, tt := range []struct {
		name           string
		kernel, initrd string
		status         int
		want           []string
	}{
		{"missing", dir + "/no", "", fault.StatusUsage, []string{"kernel " + dir + "/no: no such file", "Kernel"}},
		{"folder", dir, "", fault.StatusUsage, []string{"kernel " + dir + ": not a regular file", "Kernel"}},
		{"device", os.DevNull, "", fault.StatusUsage, []string{"not a regular file"}},
		{"through a file", good + "/x", "", fault.StatusUsage, []string{"not a directory"}},
		{"initrd missing", good, dir + "/no", fault.StatusUsage, []string{"initrd " + dir + "/no: no such file", "Initrd"}},
		{"no default guest", "", "", fault.StatusHost, []string{"default guest", "terem guest build"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			im, err := openImages(&Options{Kernel: tt.kernel, Initrd: tt.initrd, CacheDir: filepath.Join(dir, "cache")})
			if im != nil || fault.Status(err) != tt.status {
				t.Fatalf("error %v, status %d; want %d", err, fault.Status(err), tt.status)
			}
			for _, w := range tt.want {
				if !strings.Contains(err.Error(), w) || strings.Contains(err.Error(), "\n") {
					t.Errorf("error %q does not say %q on one line", err, w)
				}
			}
		})
	}
	if os.Getuid() != 0 {
		if _, err := openImages(&Options{Kernel: private}); !errors.Is(err, os.ErrPermission) {
			t.Errorf("a private file: %v", err)
		}
	}
	im, err := openImages(&Options{Kernel: good, Initrd: good})
	if err != nil || im.own || im.kernel.Size != 5 || im.initrd.Name != good {
		t.Fatalf("images %+v, %v", im, err)
	}
	im.Close()
	if im, err := openImages(&Options{Kernel: good}); err != nil || im.initrd != nil {
		t.Errorf("a kernel that was named gets an initrd: %+v, %v", im, err)
	} else {
		im.Close()
	}
	if n := openFiles(t); n != before {
		t.Errorf("%d descriptors are open, %d before", n, before)
	}
}

func TestOpenConsole(t *testing.T) {
	o := files(t, Options{})
	for _, name := range []string{"", "stdio"} {
		o.Console = name
		if c, err := openConsole(o); c.File != o.Stdout || c.own || err != nil || !o.stdio() {
			t.Errorf("console %q: %v, %v; want standard output", name, c, err)
		}
	}
	o.Console = "none"
	if c, err := openConsole(o); c.File != nil || err != nil || o.stdio() {
		t.Errorf("no console: %v, %v", c, err)
	}
	o.Console = filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(o.Console, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	o.Console += "/within a file"
	if _, err := openConsole(o); fault.Status(err) != fault.StatusUsage || !strings.Contains(err.Error(), "not a directory") {
		t.Errorf("a console below a file: %v", err)
	}
}

// TestConsoleFile: a file loses its content, or comes to be, only for a guest that
// runs.
func TestConsoleFile(t *testing.T) {
	for _, tt := range []struct {
		there, begun bool
		want         string // the content afterwards; "-": no such file
	}{
		{false, false, "-"}, {false, true, ""}, {true, false, "precious"}, {true, true, ""},
	} {
		o := files(t, Options{Console: filepath.Join(t.TempDir(), "log")})
		if tt.there {
			if err := os.WriteFile(o.Console, []byte("precious"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		c, err := openConsole(o)
		if err != nil {
			t.Fatal(err)
		}
		if tt.begun {
			if err := c.begin(); err != nil {
				t.Fatal(err)
			}
		}
		c.end(tt.begun)
		got, err := os.ReadFile(o.Console)
		if err != nil {
			got = []byte("-")
		}
		if string(got) != tt.want {
			t.Errorf("there %v, begun %v: %q, want %q", tt.there, tt.begun, got, tt.want)
		}
	}
}

func TestStatus(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want int
	}{
		{&fault.Error{Class: fault.Usage}, fault.StatusUsage},
		{&fault.Error{Class: fault.Host}, fault.StatusHost},
		{&fault.Error{Class: fault.Guest}, StatusBroken},
		{fmt.Errorf("around: %w", &fault.Error{Class: fault.Usage}), fault.StatusUsage},
		{errors.Join(errors.New("close"), &fault.Error{Class: fault.Usage}), fault.StatusUsage},
		{guest.ErrNotBuilt, fault.StatusHost},
		{errors.New("whatever"), fault.StatusHost},
	} {
		if got := fault.Status(tt.err); got != tt.want {
			t.Errorf("%v: status %d, want %d", tt.err, got, tt.want)
		}
	}
}

func TestOutcomeStatus(t *testing.T) {
	for o, want := range map[machine.Outcome]int{
		{Kind: machine.Exited, Status: 0}:     0,
		{Kind: machine.Exited, Status: 7}:     7,
		{Kind: machine.Exited, Status: 255}:   255,
		{Kind: machine.PoweredOff, Status: 9}: StatusOK,
		{Kind: machine.Killed}:                StatusOK,
		{Kind: machine.WasReset}:              StatusReset,
		{Kind: machine.TripleFault}:           StatusTripleFault,
		{Kind: machine.Panicked}:              StatusPanic,
		{Kind: machine.Halted}:                StatusHalted,
		{Kind: machine.Broken}:                StatusBroken,
	} {
		if got := outcomeStatus(o); got != want {
			t.Errorf("%v: status %d, want %d", o, got, want)
		}
	}
}

func TestSilent(t *testing.T) {
	for _, tt := range []struct {
		name  string
		quiet bool
		why   string
		kind  machine.Kind
		want  bool
	}{
		{"command ended", false, "", machine.Exited, true},
		{"powered off", false, "", machine.PoweredOff, true},
		{"reset", false, "", machine.WasReset, false},
		{"panic", false, "", machine.Panicked, false},
		{"timeout", false, "the timeout of 1s ran out", machine.Killed, false},
		{"timeout as the command ended", false, "the timeout of 1s ran out", machine.Exited, false},
		{"quiet: command ended", true, "", machine.Exited, true},
		{"quiet: powered off", true, "", machine.PoweredOff, true},
		{"ended by the user", false, "ended by Ctrl-A x", machine.Killed, false},
		{"quiet: ended by the user", true, "ended by Ctrl-A x", machine.Killed, true},
		{"quiet: reset", true, "", machine.WasReset, false},
		{"quiet: panic", true, "", machine.Panicked, false},
	} {
		s := &session{o: &Options{Quiet: tt.quiet}, why: tt.why}
		o := machine.Outcome{Kind: tt.kind}
		if got := s.silent(o, outcomeStatus(o)); got != tt.want {
			t.Errorf("%s: silent %v, want %v", tt.name, got, tt.want)
		}
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// TestConsoleOpensOnce: a reader of a pipe takes its first close for the end, so the program that hands over does not open it.
func TestConsoleOpensOnce(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, once := range map[string]bool{pipe: true, os.DevNull: true, pipe + ".log": false} {
		c, err := openConsole(&Options{Console: path})
		if errors.Is(err, errOpensOnce) != once || NeedsTools(err) != once || !once && err != nil {
			t.Errorf("%s: %v", path, err)
		}
		c.end(false)
	}
}
