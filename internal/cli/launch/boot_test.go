package launch

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"terem/boot"
	"terem/boot/unpack"
	"terem/guest"
	"terem/internal/fault"
	"terem/internal/kvmtest"
	"terem/internal/vm/disk/qcow2/inflate"
	"terem/internal/vm/machine"
)

// These tests boot the default guest for real. On a software KVM backend a boot
// takes some ten seconds, so each shows several things.

type result struct {
	status      int
	out, stderr string
}

// bootGuest runs a guest to its end, with input from a pipe.
func bootGuest(t *testing.T, input string, o Options) result {
	t.Helper()
	kvmtest.Open(t)
	if testing.Short() {
		t.Skip("boots Linux: not in -short")
	}
	if o.CacheDir == "" {
		o.CacheDir = defaultCache(t)
	}
	stdin, stdinW := pipe(t)
	go func() {
		_, _ = io.WriteString(stdinW, input) // the guest may end before it has read all
		stdinW.Close()
	}()
	out, err := newSink(t), newSink(t)
	o.Stdin, o.Stdout, o.Stderr = stdin, out.w, err.w
	if o.CPU == "" {
		o.CPU = "host"
	}
	o.Decoders = Decoders{Kernel: unpack.Open, Disk: inflate.New}
	if o.Timeout == 0 {
		o.Timeout = 4 * time.Minute
	}
	if o.Memory == 0 {
		o.Memory = 128 << 20
	}
	o.CPUs = max(o.CPUs, 1)
	status, failure := Run(&o)
	r := result{status, out.close(), err.close()}
	if failure != nil {
		t.Fatalf("Run: %v; standard error: %s", failure, r.stderr)
	}
	return r
}

func defaultCache(t *testing.T) string {
	t.Helper()
	dir, err := guest.DefaultCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := guest.Find(dir); err != nil {
		if os.Getenv(kvmtest.RequireVar) == "1" {
			t.Fatal(err)
		}
		t.Skipf("needs KVM and the guest: %v", err)
	}
	return dir
}

func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r, w
}

// sink collects what is written to a pipe.
type sink struct {
	w    *os.File
	done chan string
}

func newSink(t *testing.T) *sink {
	r, w := pipe(t)
	s := &sink{w, make(chan string, 1)}
	go func() {
		var b bytes.Buffer
		_, _ = io.Copy(&b, r) // a pipe of ours ends by close
		s.done <- b.String()
	}()
	return s
}

func (s *sink) close() string {
	s.w.Close()
	return <-s.done
}

func TestBootShellFromPipe(t *testing.T) {
	const script = "uname -s; id -u; cat /proc/cmdline | grep -c terem.stdio=agent; echo oops >&2; echo '<3>of the kernel' >/dev/kmsg; probe start; probe fork 50; exit 7"
	r := bootGuest(t, script, Options{})
	want := regexp.MustCompile(`\ALinux\n0\n1\nstart [1-9]\d* [1-9]\d*\nfork [1-9]\d* [1-9]\d{7,}\n\z`)
	if !want.MatchString(r.out) || r.status != 7 || r.stderr != "oops\n" {
		t.Errorf("status %d, output %q, standard error %q; want 7, %s and oops", r.status, r.out, r.stderr, want)
	}
}

// TestBootPipeIsByteExact: over vsock it is a megabyte; over the console a byte is an exit and more.
func TestBootPipeIsByteExact(t *testing.T) {
	for console, size := range map[string]int{"": 1 << 20, "stdio": 6000} {
		var in bytes.Buffer
		for i := range size { // every byte, and no line's end for a while
			in.WriteByte(byte(i * 7))
		}
		in.WriteString("\x04\x04\x03")
		r := bootGuest(t, in.String(), Options{Command: []string{"cat"}, Console: console})
		if r.out != in.String() || r.status != 0 {
			t.Errorf("console %q: status %d; %d bytes came back of %d", console, r.status, len(r.out), in.Len())
		}
	}
}

// TestBootOutputAtTheEnd: what a command writes last arrives, at both outputs and at every status, though it has left a program behind.
func TestBootOutputAtTheEnd(t *testing.T) {
	r := bootGuest(t, "", Options{Command: []string{"sh", "-c", "sleep 1000 & head -c 1000000 /dev/zero; head -c 60000 /dev/zero >&2; exit 200"}})
	if len(r.out) != 1000000 || len(r.stderr) != 60000 || r.status != 200 {
		t.Errorf("%d bytes of output, %d of errors, status %d", len(r.out), len(r.stderr), r.status)
	}
	if r := bootGuest(t, "", Options{Console: "stdio", Command: []string{"sh", "-c", "echo out; echo err >&2"}}); r.out != "out\nerr\n" || r.stderr != "" {
		t.Errorf("over the console: %+v", r)
	}
}

func TestBootTwoCPUs(t *testing.T) {
	var host syscall.Sysinfo_t
	if err := syscall.Sysinfo(&host); err != nil {
		t.Fatal(err)
	}
	if need := uint64(7 << 29); host.Totalram < need { // RAM on both sides of the hole below 4 GiB
		t.Skipf("needs a host with %d MiB, this one has %d", need>>20, host.Totalram>>20)
	}
	r := bootGuest(t, "", Options{CPUs: 2, Memory: 3<<30 + 256<<20, Exits: "json",
		Command: []string{"sh", "-c", "nproc; grep -c ^processor /proc/cpuinfo; awk '/MemTotal/ { print ($2 > 3200000) }' /proc/meminfo; exit 3"}})
	if want := "2\n2\n1\n"; r.out != want || r.status != 3 {
		t.Errorf("status %d, output %q; want 3, %q", r.status, r.out, want)
	}
	var ledger machine.Report
	if err := json.Unmarshal([]byte(r.stderr), &ledger); err != nil || ledger.VCPUs != 2 {
		t.Fatalf("%v; the ledger is missing or damaged: %q", err, r.stderr)
	}
	var names []string
	for _, p := range ledger.Phases {
		names = append(names, p.Name)
		if p.Time <= 0 {
			t.Errorf("phase %s took %v", p.Name, p.Time)
		}
	}
	if want := []string{"create", "load", "kernel", "init", "program", "end"}; !slices.Equal(names, want) {
		t.Errorf("phases %q, want %q", names, want)
	}
}

func TestBootLoaders(t *testing.T) {
	kvmtest.Open(t)
	if testing.Short() {
		t.Skip("boots Linux: not in -short")
	}
	a, err := guest.Find(defaultCache(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, kernel string
		payload      boot.Payload
		protocol     boot.Protocol
	}{
		{"bzImage unpacked here", a.BzImage, boot.PayloadDecompressed, boot.ProtocolAuto},
		{"bzImage unpacked by the guest", a.BzImage, boot.PayloadCompressed, boot.ProtocolAuto},
		{"ELF by PVH", a.VMLinux, boot.PayloadAuto, boot.ProtocolPVH},
		{"ELF by the Linux protocol", a.VMLinux, boot.PayloadAuto, boot.ProtocolLinux},
	} {
		t.Run(tt.name, func(t *testing.T) {
			// A kernel that is named gets a stranger's treatment; init takes its words all the same.
			r := bootGuest(t, "", Options{Kernel: tt.kernel, Initrd: a.Initrd, Payload: tt.payload,
				Protocol: tt.protocol, Append: "quiet tick_stride=10 terem.pipe=1 terem.cmd=dW5hbWUALXMA"})
			if r.out != "Linux\n" || r.status != 0 {
				t.Errorf("status %d, output %q, %s", r.status, r.out, r.stderr)
			}
		})
	}
}

func TestBootEnds(t *testing.T) {
	for _, tt := range []struct {
		name, script string
		status       int
		stderr       string // with the kernel's words
	}{
		{"power off", "poweroff -f", StatusOK, `\[.*\] reboot: Power down\n`},
		{"reset", "reboot -f", StatusReset, `(\[.*\] .*\n)+terem: the guest reset itself\n`},
		{"panic", "echo c >/proc/sysrq-trigger", StatusPanic, `(\[.*\] .*\n)+terem: the guest's kernel panicked \(its last words are above\)\n`},
		{"no such command", "", 127, `terem: /no/such/program: no such program in the guest\n`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			command := []string{"sh", "-c", tt.script}
			if tt.script == "" {
				command = []string{"/no/such/program"}
			}
			r := bootGuest(t, "", Options{Command: command})
			if r.status != tt.status || !regexp.MustCompile(`\A`+tt.stderr+`\z`).MatchString(strings.ReplaceAll(r.stderr, "\r", "")) {
				t.Errorf("status %d, standard error %q; want %d, %s", r.status, r.stderr, tt.status, tt.stderr)
			}
		})
	}
}

// TestBootTerminate sends this process SIGTERM: a shell script in the guest traps
// the signal that this becomes there.
func TestBootTerminate(t *testing.T) {
	if testing.Short() {
		t.Skip("boots Linux: not in -short")
	}
	kvmtest.Open(t) // before anybody waits for output, whose end would be taken for a line of it
	r, w := pipe(t)
	ready := make(chan string, 1)
	go func() {
		out := bufio.NewReader(r)
		line, _ := out.ReadString('\n') // an early end of the output is a wrong line
		ready <- line
		if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		rest, _ := io.ReadAll(out)
		ready <- string(rest)
	}()
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	errs := newSink(t)
	status, err := Run(&Options{CacheDir: defaultCache(t), CPU: "host", CPUs: 1, Memory: 128 << 20,
		Command: []string{"sh", "-c", "trap 'echo bye; exit 5' TERM; echo up; while :; do sleep 1; done"},
		Timeout: 4 * time.Minute, Stdin: null, Stdout: w, Stderr: errs.w})
	w.Close()
	first, rest := <-ready, <-ready
	if err != nil || status != 143 || first != "up\n" || !strings.HasSuffix(rest, "bye\n") || strings.Contains(rest, "sysrq") {
		t.Errorf("status %d, error %v, output %q then %q; want 143 after bye", status, err, first, rest)
	}
	if s := errs.close(); s != "Terminated\nterem: terminated\n" { // the shell says it of its sleep
		t.Errorf("standard error %q", s)
	}
}

// TestBootTerminateEarly: a guest that has started nothing ends at once, and its kernel
// says nothing on standard output.
func TestBootTerminateEarly(t *testing.T) {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGTERM) // one that comes before Run listens is lost, not the end of this test
	defer signal.Reset(syscall.SIGTERM)
	ended, quiet := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(quiet)
		for {
			select {
			case <-ended:
				return
			case <-time.After(2 * time.Second):
				_ = syscall.Kill(os.Getpid(), syscall.SIGTERM)
			}
		}
	}()
	defer func() { close(ended); <-quiet }() // nobody is killed after this
	r := bootGuest(t, "", Options{Command: []string{"sleep", "1000"}})
	if r != (result{143, "", "terem: terminated\n"}) {
		t.Errorf("%+v; want status 143 and no output", r)
	}
}

func TestTimeout(t *testing.T) {
	start := time.Now()
	r := bootGuest(t, "", Options{Command: []string{"sleep", "1000"}, Timeout: 300 * time.Millisecond})
	if r.status != StatusTimeout || r.stderr != "terem: the timeout of 300ms ran out\n" {
		t.Errorf("status %d, standard error %q", r.status, r.stderr)
	}
	if took := time.Since(start); took > time.Minute {
		t.Errorf("it took %v", took)
	}
}

func TestMissingGuest(t *testing.T) {
	_, err := Run(&Options{CacheDir: filepath.Join(t.TempDir(), "empty"), CPU: "host", CPUs: 1,
		Memory: 64 << 20, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr})
	if !errors.Is(err, guest.ErrNotBuilt) || fault.Status(err) != fault.StatusHost {
		t.Errorf("error %v, status %d; want ErrNotBuilt and %d", err, fault.Status(err), fault.StatusHost)
	}
}
