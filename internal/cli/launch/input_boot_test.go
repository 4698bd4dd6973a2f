package launch

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"crypto/md5"

	"terem/internal/cli/tty/ttytest"
	"terem/internal/kvmtest"
	"terem/internal/vm/machine"
)

// endless is the input of programs that do not want it: it never ends, and holds up nobody.
func endless(t *testing.T) *os.File {
	r, w := pipe(t)
	go func() {
		defer w.Close()
		for line := []byte(strings.Repeat("y\n", 2048)); ; {
			if _, err := w.Write(line); err != nil {
				return // nobody reads it any more
			}
		}
	}()
	return r
}

// ready boots a guest with standard input as given, and calls do when it has written a first line. It returns that
// and what followed.
func ready(t *testing.T, stdin *os.File, o Options, do func()) (first string, r result) {
	t.Helper()
	if testing.Short() {
		t.Skip("boots Linux: not in -short")
	}
	kvmtest.Open(t) // before anybody waits for output, whose end would be taken for a line of it
	out, outW := pipe(t)
	lines := make(chan string, 2)
	go func() {
		b := bufio.NewReader(out)
		line, _ := b.ReadString('\n') // an early end of the output is a wrong line
		lines <- line
		if do != nil {
			do()
		}
		rest, _ := io.ReadAll(b)
		lines <- string(rest)
	}()
	errs := newSink(t)
	o.CacheDir, o.CPU, o.CPUs, o.Memory, o.Console, o.Timeout = defaultCache(t), "host", 1, 128<<20, "", 4*time.Minute
	o.Stdin, o.Stdout, o.Stderr = stdin, outW, errs.w
	status, err := Run(&o)
	outW.Close()
	if err != nil {
		t.Error(err)
	}
	return <-lines, result{status, <-lines, errs.close()}
}

// TestBootInputNobodyReads: a guest takes a few thousand characters of an input that its program does not read, or reads
// no more, and not all there is.
func TestBootInputNobodyReads(t *testing.T) {
	const most = 2*4096*2 + 1000 // two accesses for a character: the chunk, as much again behind it, and the rest of the machine
	for name, command := range map[string][]string{
		"ends":   {"echo", "done"},
		"closes": {"sh", "-c", "exec <&-; sleep 1; echo done"},
		"waits":  {"sh", "-c", "sleep 1; echo done"},
		"is one": {"sh", "-c", "head -n 1 >/dev/null; sleep 1; echo done"},
	} {
		t.Run(name, func(t *testing.T) {
			out, r := ready(t, endless(t), Options{Command: command, Exits: "json"}, nil)
			if out != "done\n" || r.status != 0 {
				t.Errorf("status %d, output %q", r.status, out)
			}
			var ledger machine.Report
			if err := json.Unmarshal([]byte(r.stderr), &ledger); err != nil {
				t.Fatalf("%v; the ledger is missing or damaged: %q", err, r.stderr)
			}
			for _, row := range ledger.Places {
				if row.Name == "serial" && row.Count > most {
					t.Errorf("%d accesses to the serial port, want at most %d", row.Count, most)
				}
			}
		})
	}
}

// TestBootSignalBehindInput: SIGTERM reaches a program that does not read its input, however much of that there is.
func TestBootSignalBehindInput(t *testing.T) {
	script := "trap 'echo bye; exit 9' TERM; echo ready; sleep 1000 & wait"
	first, r := ready(t, endless(t), Options{Command: []string{"sh", "-c", script}}, func() {
		time.Sleep(2 * time.Second) // for as much input as the guest takes
		if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
			t.Error(err)
		}
	})
	if first != "ready\n" || r.status != 143 || !strings.HasSuffix(r.out, "bye\n") || r.stderr != "terem: terminated\n" {
		t.Errorf("%q, then %+v", first, r)
	}
}

// TestBootInputError: an input that cannot be read ends, and terem says so.
func TestBootInputError(t *testing.T) {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	dir, err := os.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	for why, stdin := range map[string]*os.File{"bad file descriptor": null, "is a directory": dir} {
		first, r := ready(t, stdin, Options{Command: []string{"sh", "-c", "cat; echo end"}}, nil)
		if want := fmt.Sprintf("terem: standard input: %s; for the guest it ends there\n", why); first != "end\n" || r != (result{0, "", want}) {
			t.Errorf("%q, %+v; want %q", first, r, want)
		}
	}
}

// TestBootTypedInput types more than anybody reads for a while: all of it arrives. And Ctrl-A x is heard behind a lot that
// nobody ever reads.
func TestBootTypedInput(t *testing.T) {
	if testing.Short() {
		t.Skip("boots Linux: not in -short")
	}
	kvmtest.Open(t)
	keyboard, terminal := ttytest.Open(t)
	u := ttytest.NewUser(t, keyboard)
	done := make(chan int, 1)
	go func() {
		status, err := Run(&Options{CacheDir: defaultCache(t), CPU: "host", CPUs: 1, Memory: 128 << 20, Console: "stdio", Quiet: true,
			Timeout: 4 * time.Minute, Stdin: terminal, Stdout: terminal, Stderr: terminal,
			Command: []string{"sh", "-c", "stty -echo; echo rea''dy; sleep 2; head -n 800 | md5sum; exec sleep 1000"}})
		if err != nil {
			t.Error(err)
		}
		done <- status
	}()
	u.Expect("ready")
	sum := md5.New()
	for i := range 800 { // more than the guest's terminal holds, by several hundred reads of terem's
		line := fmt.Sprintf("%08d\n", i*i)
		io.WriteString(sum, line)
		u.Type(strings.Replace(line, "\n", "\r", 1))
		time.Sleep(time.Millisecond)
	}
	u.Expect(fmt.Sprintf("%x", sum.Sum(nil)))
	for range 3000 {
		u.Type("nobody reads this, and it waits\r")
	}
	u.Type("\x01x")
	select {
	case status := <-done:
		if status != 0 {
			t.Errorf("status %d", status)
		}
	case <-time.After(30 * time.Second):
		t.Error("Ctrl-A x was not heard")
	}
}

// TestBootArgumentsAreBytes: what is no text arrives as it is.
func TestBootArgumentsAreBytes(t *testing.T) {
	all := make([]byte, 255)
	for i := range all {
		all[i] = byte(i + 1)
	}
	r := bootGuest(t, "", Options{Command: []string{"printf", "%s", string(all)}})
	if r.out != string(all) || r.status != 0 {
		t.Errorf("status %d, output %q", r.status, r.out)
	}
}
