package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"terem/internal/cli/command"
	"terem/internal/cli/launch"
	"terem/internal/cli/signals/signalstest"
	"terem/internal/container"
	"terem/internal/fault"
	"terem/internal/kvmtest"
)

// runVar makes the test binary be terem: exit statuses and output are the real ones.
const runVar = "TEREM_TEST_RUN"

func TestMain(m *testing.M) {
	if container.IsInit(os.Args) {
		os.Exit(container.Init())
	}
	if os.Getenv(runVar) == "1" {
		_ = os.Setenv("TEREM_PROGRAM", os.Args[0]) // as terem does
		_ = os.Setenv("TEREM_VERSION", command.Version())
		os.Exit(run(os.Args[1:]))
	}
	signalstest.Heed()
	os.Exit(m.Run())
}

type outcome struct {
	status      int
	out, stderr string
}

// terem runs terem as a process of its own, as user id uid if that is not 0.
func terem(t *testing.T, uid uint32, args ...string) outcome {
	t.Helper()
	program := os.Args[0]
	if uid != 0 {
		program = publicCopy(t)
	}
	c := exec.Command(program, args...)
	// The race detector sleeps for a second at the end otherwise.
	c.Env = append(os.Environ(), runVar+"=1", "GORACE=atexit_sleep_ms=0")
	if uid != 0 {
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
		c.Dir = "/"
	}
	var out, stderr bytes.Buffer
	c.Stdout, c.Stderr = &out, &stderr
	err := c.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return outcome{c.ProcessState.ExitCode(), out.String(), stderr.String()}
}

// publicCopy puts the test binary where every user may run it.
func publicCopy(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "terem-test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	b, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "terem")
	if err := errors.Join(os.Chmod(dir, 0o755), os.WriteFile(path, b, 0o755)); err != nil {
		t.Fatal(err)
	}
	return path
}

// wantError checks that terem failed with one line on standard error, which has all
// of parts in it, and said nothing on standard output.
func wantError(t *testing.T, r outcome, status int, parts ...string) {
	t.Helper()
	line, more, _ := strings.Cut(r.stderr, "\n")
	if r.status != status || r.out != "" || more != "" || !strings.HasPrefix(line, "terem: ") {
		t.Errorf("status %d, output %q, standard error %q; want %d, nothing, and one line of terem's",
			r.status, r.out, r.stderr, status)
	}
	for _, p := range parts {
		if !strings.Contains(line, p) {
			t.Errorf("%q does not say %q", line, p)
		}
	}
}

// TestUsageErrors names in each error the thing, the cause, and the mend.
func TestUsageErrors(t *testing.T) {
	for _, tt := range []struct {
		args string
		want []string
	}{
		{"nope", []string{`"nope"`, "unknown command", "terem --help"}},
		{"version x", []string{`"x"`, "terem version --help"}},
		{"help nope", []string{`"nope"`, "terem help --help"}},
		{"help run x", []string{`"x"`, "terem help --help"}},
		{"completion nope", []string{`"nope"`, "terem completion --help"}},
		{"run --kernel=", []string{"--kernel", "empty", "terem run --help"}},
		{"run --console=", []string{"--console", "empty", "terem run --help"}},
		{"guest path x", []string{`"x"`, "terem guest path --help"}},
		{"guest root", []string{"wants: DIR", "terem guest root --help"}},
		{"run --nope", []string{"--nope", "unknown flag", "terem run --help"}},
		{"run --disk x.img,nope", []string{"--disk x.img,nope", `no option "nope"`, "path[,ro]"}},
		{"run --disk no-such.img", []string{"no-such.img", "no such file", "terem disk create"}},
		{"run --rng=x", []string{"--rng=x", "bytes a second"}},
		{"run --balloon=x", []string{"--balloon=x", "not a size"}},
		{"run --gdb nonsense", []string{"--gdb nonsense", "no address", "try :1234"}},
		{"run --gdb :1 --warm", []string{"--gdb", "leave out --warm", "terem run --help"}},
		{"run --trace /no/such/file", []string{"--trace /no/such/file", "no such file", "can be written"}},
		{"run --trace x --profile x", []string{"--profile x", "written over it"}},
		{"run --trace x --trace-only nope", []string{"--trace-only nope", "choose from", "mmio"}},
		{"run --trace-only io", []string{"--trace-only", "goes with --trace"}},
		{"trace", []string{"1 arg", "terem trace --help"}},
		{"trace /no/such", []string{"/no/such", "no such file", "terem run --trace"}},
		{"trace main_test.go", []string{"main_test.go", "no trace of terem's"}},
		{"trace diff x", []string{"wants", "terem trace diff --help"}},
		{"profile /dev/null", []string{"/dev/null", "no trace of terem's"}},
		{"run --vsock v,cid=2", []string{"--vsock v,cid=2", "3 to 4294967294"}},
		{"run --vsock v,port=2", []string{"--vsock v,port=2", `no option "port"`, "path[,cid=N]"}},
		{"run --kernel", []string{"--kernel", "needs an argument", "terem run --help"}},
		{"run --rng 4M -- ls", []string{`"4M" is no command`, "--rng=4M", "terem run --help"}},
		{"run --balloon 64M ls", []string{`"64M" is no command`, "--balloon=64M"}},
		{"run --exits json", []string{`"json" is no command`, "--exits=json"}},
		{"run --memory x", []string{"--memory x", "not a size", "such as 512M"}},
		{"run --memory -1", []string{"--memory -1", "not a size", "such as 512M"}},
		{"run --memory 99999P", []string{"--memory 99999P", "64 bits"}},
		{"run --cpus x", []string{`"x"`, "--cpus", "integer"}},
		{"run --exits=foo", []string{"--exits=foo", "table or json"}},
		{"run --payload x", []string{"--payload x", "auto, compressed, decompressed"}},
		{"run --timeout x", []string{`"x"`, "--timeout", "duration"}},
		{"run --timeout -1s", []string{"--timeout -1s"}},
		{"run --kernel /no/such", []string{"kernel /no/such", "no such file", "readable file with --kernel"}},
		{"run --kernel /", []string{"kernel /", "not a regular file", "readable file with --kernel"}},
		{"run --kernel /dev/zero", []string{"kernel /dev/zero", "not a regular file"}},
		{"compare x", []string{`"x"`, "terem compare --help"}},
		{"compare --targets nope", []string{"--targets nope", "choose from process, container"}},
		{"compare --targets=", []string{"--targets", "empty", "terem compare --help"}},
		{"compare --measure nope", []string{"--measure nope", "choose from start, phases"}},
		{"compare --measure=", []string{"--measure", "empty", "terem compare --help"}},
		{"compare --quick --measure memory", []string{"--quick --measure memory", "starts alone"}},
		{"compare --rounds 0", []string{"--rounds 0", "at least one"}},
		{"compare --json=", []string{"--json", "empty"}},
		{"compare --html /no/such/file", []string{"--html /no/such/file", "no such file", "can be written"}},
		{"compare --against /no/such", []string{"--against /no/such", "no such file"}},
	} {
		t.Run(tt.args, func(t *testing.T) {
			wantError(t, terem(t, 0, strings.Fields(tt.args)...), fault.StatusUsage, tt.want...)
		})
	}
}

// TestTooMuch asks for more than this host has, or any.
func TestTooMuch(t *testing.T) {
	kernel := write(t, "kernel", tinyKernel(t))
	wantError(t, terem(t, 0, "run", "--kernel", kernel, "--cpus", "999"), fault.StatusUsage,
		"--cpus 999", "at most 254", "ask for fewer")
	wantError(t, terem(t, 0, "run", "--kernel", kernel, "--memory", "100000G"), fault.StatusHost,
		"--memory 97.7 TiB", "this host has", "ask for less")
}

// TestConsoleSurvivesMistakes: a file of the user's is not emptied for a guest that
// never runs.
func TestConsoleSurvivesMistakes(t *testing.T) {
	log := write(t, "log", []byte("precious"))
	text := write(t, "text", []byte("hello, world\n"))
	wantError(t, terem(t, 0, "run", "--console", log, "--kernel", text), fault.StatusUsage, "text file")
	if b, err := os.ReadFile(log); string(b) != "precious" || err != nil {
		t.Errorf("the file holds %q, %v", b, err)
	}
}

// TestNoHome: without a place for the cache, a kernel that is named boots all the same.
func TestNoHome(t *testing.T) {
	t.Setenv("HOME", "")
	t.Setenv("XDG_CACHE_HOME", "")
	wantError(t, terem(t, 0, "run"), fault.StatusHost, "default guest", "XDG_CACHE_HOME", "--kernel")
	kvmtest.Open(t)
	kernel := write(t, "kernel", elfKernel(exitWith(7)))
	if r := terem(t, 0, "run", "--memory", "2M", "--kernel", kernel); r.status != 7 {
		t.Errorf("%+v; want status 7", r)
	}
}

// TestConfigErrors are mistakes that show on any host, with KVM or without.
func TestConfigErrors(t *testing.T) {
	kernel := write(t, "kernel", tinyKernel(t))
	text := write(t, "text", []byte("hello, world\n"))
	cut := write(t, "cut", tinyKernel(t)[:100])
	big := write(t, "big", nil)
	if err := os.Truncate(big, 1<<30); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		args []string
		want []string
	}{
		{"no CPUs", []string{"--cpus", "0"}, []string{"--cpus 0", "at least one", "--cpus 1"}},
		{"CPUs below zero", []string{"--cpus", "-1"}, []string{"--cpus -1", "at least one", "--cpus 1"}},
		{"no memory", []string{"--memory", "0"}, []string{"--memory 0 bytes", "at least 2 MiB", "--memory 128M"}},
		{"little memory", []string{"--memory", "1M"}, []string{"--memory 1 MiB", "at least 2 MiB", "--memory 128M"}},
		{"odd memory", []string{"--memory", "3000000001"}, []string{"--memory 3000000001", "multiple of 4 KiB", "--memory 2999996416"}},
		{"text as kernel", []string{"--kernel", text}, []string{"kernel " + text, "text file", "bzImage or vmlinux"}},
		{"kernel cut", []string{"--kernel", cut}, []string{"kernel " + cut, "ends before its program headers", "again"}},
		{"initrd too big", []string{"--initrd", big}, []string{"initrd " + big, "1024 MiB do not fit", "--memory"}},
		{"no initrd", []string{"--initrd", "/no/such"}, []string{"initrd /no/such", "no such file", "--initrd"}},
		{"long command line", []string{"--append", strings.Repeat("x", 5000)}, []string{"kernel command line", "the kernel takes 2047", "shorten --append"}},
		{"command for a stranger", []string{"--", "ls"}, []string{"command ls", "default guest", "--append"}},
		{"base model", []string{"--cpu", "z80"}, []string{"--cpu z80", "`host`", "--cpu host"}},
		{"feature", []string{"--cpu", "host,-warp"}, []string{"--cpu host,-warp", "`warp`", "known ones"}},
		{"console", []string{"--console", "/no/such/file"}, []string{"--console /no/such/file", "no such file", "stdio"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			args := append([]string{"run", "--kernel", kernel}, tt.args...)
			wantError(t, terem(t, 0, args...), fault.StatusUsage, tt.want...)
		})
	}
}

// TestUnreadable runs terem as nobody: it may open neither a private file nor, on
// most hosts, KVM.
func TestUnreadable(t *testing.T) {
	const nobody = 65534
	if os.Getuid() != 0 {
		t.Skip("becoming another user needs root")
	}
	kernel := write(t, "kernel", tinyKernel(t))
	wantError(t, terem(t, nobody, "run", "--kernel", kernel), fault.StatusUsage, "kernel "+kernel, "permission denied", "readable")
	st, err := os.Stat("/dev/kvm")
	if err != nil || st.Mode().Perm()&0o006 != 0 {
		t.Skip("everybody may open /dev/kvm here, or it is missing")
	}
	public := filepath.Dir(publicCopy(t)) + "/kernel"
	if err := os.WriteFile(public, tinyKernel(t), 0o644); err != nil {
		t.Fatal(err)
	}
	wantError(t, terem(t, nobody, "run", "--kernel", public), fault.StatusHost, "/dev/kvm", "no permission", "sudo ", "terem doctor")
}

// TestNoKVM runs terem in a mount namespace of its own whose /dev has no kvm.
func TestNoKVM(t *testing.T) {
	kernel := write(t, "kernel", tinyKernel(t))
	c := exec.Command("unshare", "-m", "--propagation", "private", "sh", "-c",
		`mount -t tmpfs none /dev && mknod -m 666 /dev/null c 1 3 && exec "$@"`, "sh", os.Args[0], "run", "--kernel", kernel)
	if err := exec.Command("unshare", "-m", "--propagation", "private", "mount", "-t", "tmpfs", "none", "/mnt").Run(); err != nil {
		t.Skipf("mounting needs root: %v", err)
	}
	c.Env = append(os.Environ(), runVar+"=1")
	var out, stderr bytes.Buffer
	c.Stdout, c.Stderr = &out, &stderr
	_ = c.Run() // the status is looked at below
	wantError(t, outcome{c.ProcessState.ExitCode(), out.String(), stderr.String()}, fault.StatusHost,
		"/dev/kvm: there is no such device: ", "see `terem doctor`")
	if strings.Contains(stderr.String(), "; load it") {
		t.Errorf("%q: who cannot load it is told to", stderr.String())
	}
}

// TestGuestStatuses boots kernels of a few bytes.
func TestGuestStatuses(t *testing.T) {
	kvmtest.Open(t)
	for _, tt := range []struct {
		name   string
		code   []byte
		status int
		stderr string
	}{
		{"exit status", exitWith(7), 7, ""},
		{"reset", []byte{0xb0, 0xfe, 0xe6, 0x64, 0xeb, 0xfe}, launch.StatusReset, "terem: the guest reset itself\n"},
		{"triple fault", []byte{0x0f, 0x0b}, launch.StatusTripleFault, "terem: the guest's processor took a triple fault\n"},
		{"halt", []byte{0xfa, 0xf4}, launch.StatusHalted, "terem: the guest halted for good: every vCPU is in HLT with interrupts off\n"},
		{"timeout", []byte{0xeb, 0xfe}, launch.StatusTimeout, "terem: the timeout of 200ms ran out\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			args := []string{"run", "--memory", "2M", "--kernel", write(t, "kernel", elfKernel(tt.code))}
			if tt.status == launch.StatusTimeout {
				args = append(args, "--timeout", "200ms")
			}
			if r := terem(t, 0, args...); r != (outcome{tt.status, "", tt.stderr}) {
				t.Errorf("%+v; want status %d, standard error %q", r, tt.status, tt.stderr)
			}
		})
	}
}

// TestUsageFits: help is for a terminal of 80 columns, and shows no backquotes of its
// making.
func TestUsageFits(t *testing.T) {
	for _, args := range []string{"--help", "run --help", "disk --help", "disk create --help", "doctor --help", "guest --help"} {
		r := terem(t, 0, strings.Fields(args)...)
		_, flags, _ := strings.Cut(r.out, "\nFlags:\n")
		for line := range strings.Lines(flags) {
			if len(line) > usageWidth+1 || strings.Contains(line, "=true") || strings.Contains(line, " \n") {
				t.Errorf("terem %s: %q", args, line)
			}
		}
	}
}

func TestComplete(t *testing.T) {
	for args, want := range map[string]string{
		"run --disk x.img,ca": "x.img,cache=writeback\nx.img,cache=writethrough\nx.img,cache=none\n:6\n",
		"run --disk x":        ":0\n",
		"run --root /dev/":    "none\n/dev/vda\n/dev/vda1\n:4\n",
		"run --dis":           "--disk\ta disk: a raw or qcow2 image or a block device, and its options (above)\n:4\n",
	} {
		if r := terem(t, 0, append([]string{"__complete"}, strings.Fields(args)...)...); r.out != want {
			t.Errorf("%s: %q, want %q", args, r.out, want)
		}
	}
}

// TestCPUWarning: a feature that the guest sees all the same is worth a line, unless
// nothing but errors is wanted. On hardware there is nothing to warn of.
func TestCPUWarning(t *testing.T) {
	kvmtest.Open(t)
	kernel := write(t, "kernel", tinyKernel(t))
	args := []string{"run", "--memory", "2M", "--kernel", kernel, "--cpu", "host,-sse2"}
	r := terem(t, 0, args...)
	if r.status != 0 || r.out != "" || r.stderr != "" && !strings.HasPrefix(r.stderr, "terem: warning: --cpu host,-sse2: this host's KVM shows the guest sse2") {
		t.Errorf("%+v; want nothing, or a warning", r)
	}
	if r := terem(t, 0, append(args, "--quiet")...); r != (outcome{}) {
		t.Errorf("%+v with --quiet; want nothing", r)
	}
}

// TestMemoryWithoutBalloon: SIGUSR1 asks for the guest's memory, and is answered if
// there is none to be asked.
func TestMemoryWithoutBalloon(t *testing.T) {
	kvmtest.Open(t)
	c := exec.Command(os.Args[0], "run", "--memory", "2M", "--timeout", "2s", "--kernel", write(t, "kernel", elfKernel(sayAndSpin())))
	c.Env = append(os.Environ(), runVar+"=1", "GORACE=atexit_sleep_ms=0")
	var stderr bytes.Buffer
	c.Stderr = &stderr
	startSaying(t, c)
	ended := make(chan struct{})
	go func() { _ = c.Wait(); close(ended) }() // the status is that of --timeout
	for {
		select {
		case <-ended:
			if want := "terem: guest memory: the machine has no balloon\r\n"; !strings.Contains(stderr.String(), want) {
				t.Errorf("standard error %q, want %q", stderr.String(), want)
			}
			return
		case <-time.After(50 * time.Millisecond):
			_ = c.Process.Signal(syscall.SIGUSR1) // it may be gone
		}
	}
}

// sayAndSpin is the code: mov dx, 0x3f8; mov al, 'R'; out dx, al; jmp to it.
func sayAndSpin() []byte { return []byte{0x66, 0xba, 0xf8, 0x03, 0xb0, 'R', 0xee, 0xeb, 0xfe} }

// startSaying starts a terem whose guest says one thing, and waits for that: from then on it heeds signals.
func startSaying(t *testing.T, c *exec.Cmd) {
	t.Helper()
	out, err := c.StdoutPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(out, make([]byte, 1)); err != nil {
		t.Error(err)
	}
}

// TestSignals: which signals end a guest that heeds none, and with which status; and that those which terem was started
// to ignore do not.
func TestSignals(t *testing.T) {
	kvmtest.Open(t)
	kernel := write(t, "kernel", elfKernel(sayAndSpin()))
	for _, tt := range []struct {
		trap   string
		signal syscall.Signal
		status int
	}{
		{"", syscall.SIGHUP, 129},
		{"", syscall.SIGINT, 130},
		{"", syscall.SIGQUIT, 131},
		{"", syscall.SIGTERM, 143},
		{"", syscall.SIGABRT, 134},
		{"", syscall.SIGSEGV, 139},
		{`trap "" HUP;`, syscall.SIGHUP, launch.StatusTimeout},
		{`trap "" INT;`, syscall.SIGINT, launch.StatusTimeout},
		{"", syscall.SIGUSR1, launch.StatusTimeout},
		{"", syscall.SIGUSR2, launch.StatusTimeout},
		{"", syscall.SIGALRM, launch.StatusTimeout},
	} {
		limit := "60s"
		if tt.status == launch.StatusTimeout {
			limit = "1s"
		}
		c := exec.Command("sh", "-c", tt.trap+` exec "$0" "$@"`, os.Args[0], "run", "--memory", "2M", "--timeout", limit, "--kernel", kernel)
		c.Env = append(os.Environ(), runVar+"=1", "GORACE=atexit_sleep_ms=0")
		startSaying(t, c)
		for range 2 { // the first asks the guest, the second does not wait for that
			_ = c.Process.Signal(tt.signal) // it may be gone
			time.Sleep(50 * time.Millisecond)
		}
		_ = c.Wait() // the status is looked at
		if got := c.ProcessState.ExitCode(); got != tt.status {
			t.Errorf("%s %v: status %d, want %d", tt.trap, tt.signal, got, tt.status)
		}
	}
}

func TestLedgerOnStandardError(t *testing.T) {
	kvmtest.Open(t)
	kernel := write(t, "kernel", tinyKernel(t))
	r := terem(t, 0, "run", "--memory", "2M", "--exits", "--verbose", "--kernel", kernel)
	for _, want := range []string{"Exit ledger: 1 vCPU", "control", "2 MiB", "kernel command line: "} {
		if r.out != "" || !strings.Contains(r.stderr, want) {
			t.Errorf("output %q, standard error %q; want %q in the latter", r.out, r.stderr, want)
		}
	}
}

func TestHelp(t *testing.T) {
	for args, want := range map[string]string{
		"": "Usage:", "help": "Usage:", "--help": "Exit status:", "run --help": "Ctrl-A x ends the guest",
		"guest": "terem guest [command]", "version": "terem ", "--version": "terem ",
	} {
		r := terem(t, 0, strings.Fields(args)...)
		if r.status != 0 || r.stderr != "" || !strings.Contains(r.out, want) {
			t.Errorf("terem %s: status %d, standard error %q; want %q in %q", args, r.status, r.stderr, want, r.out)
		}
	}
}
