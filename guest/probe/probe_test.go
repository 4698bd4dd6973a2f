package probe

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"terem/guest/bare/baretest"
)

// maxSize is what the program may weigh: one page, which one fault brings in.
const maxSize = 4 << 10

// run runs the program to its end.
func run(t *testing.T, path string, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	var out, errs strings.Builder
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// file makes a file of that many bytes.
func file(t *testing.T, size int) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(name, make([]byte, size), 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestSmallAndStatic(t *testing.T) {
	baretest.Check(t, baretest.Compile(t, Program()), maxSize)
}

func TestMeasures(t *testing.T) {
	path := baretest.Compile(t, Program())
	data := file(t, 1<<20)
	const ms = 20
	for _, args := range [][]string{
		{"compute"}, {"syscall"}, {"fault"}, {"fork"}, {"sleep"},
		{"read", data, "4096"}, {"read", data, "65536", "random"}, {"write", data, "4096"}, {"write", data, "512", "random"},
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			words := slices.Insert(slices.Clone(args), min(len(args), 3), fmt.Sprint(ms))
			out, errs, status := run(t, path, words...)
			var ops, ns uint64
			if n, err := fmt.Sscanf(out, args[0]+" %d %d\n", &ops, &ns); n != 2 || err != nil || status != 0 || errs != "" {
				t.Fatalf("status %d, output %q, standard error %q", status, out, errs)
			}
			if ops < 1 {
				t.Error("no operation was done")
			}
			if least := uint64(ms * 1e6 * 15 / 16); ns < least {
				t.Errorf("it worked for %d ns, at least %d are wanted", ns, least)
			}
		})
	}
	if info, err := os.Stat(data); err != nil || info.Size() != 1<<20 {
		t.Errorf("writing changed the size of the file: %v, %v", info.Size(), err)
	}
}

func TestDirect(t *testing.T) {
	path := baretest.Compile(t, Program())
	data := file(t, 1<<20)
	for _, mode := range []string{"read", "write"} {
		out, errs, status := run(t, path, mode, data, "4096", "1", "direct", "random")
		if strings.Contains(errs, "errno 22") {
			t.Skip("the file system of temporary files has no O_DIRECT")
		}
		if status != 0 || !strings.HasPrefix(out, mode+" ") {
			t.Errorf("status %d, output %q, standard error %q", status, out, errs)
		}
	}
}

// TestOneOperationAtLeast asks for no time at all.
func TestOneOperationAtLeast(t *testing.T) {
	out, errs, status := run(t, baretest.Compile(t, Program()), "fork", "0")
	var ops, ns uint64
	if n, _ := fmt.Sscanf(out, "fork %d %d\n", &ops, &ns); n != 2 || ops != 1 || ns == 0 || status != 0 {
		t.Errorf("status %d, output %q, standard error %q; want one operation", status, out, errs)
	}
}

func TestStart(t *testing.T) {
	path := baretest.Compile(t, Program())
	var last [2]uint64
	for range 2 {
		out, errs, status := run(t, path, "start")
		var tsc, ns uint64
		if n, err := fmt.Sscanf(out, "start %d %d\n", &tsc, &ns); n != 2 || err != nil || status != 0 || errs != "" {
			t.Fatalf("status %d, output %q, standard error %q", status, out, errs)
		}
		if tsc == 0 || ns <= last[1] {
			t.Errorf("counter %d, clock %d after %d", tsc, ns, last[1])
		}
		last = [2]uint64{tsc, ns}
	}
}

func TestMark(t *testing.T) {
	path := baretest.Compile(t, Program())
	long := strings.Repeat("x", 10000)
	for _, args := range [][]string{{"hello"}, {"two", "words"}, {""}, {long, long}} {
		want := strings.Join(args, " ") + "\n"
		if out, errs, status := run(t, path, append([]string{"mark"}, args...)...); out != want || errs != "" || status != 0 {
			t.Errorf("mark of %d words: status %d, %d bytes of output, %d wanted", len(args), status, len(out), len(want))
		}
	}
}

// TestIdle: a signal ends it, and it says so as a shell would.
func TestIdle(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), baretest.Compile(t, Program()), "idle")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 256)
	n, err := out.Read(line)
	if err != nil || !strings.HasPrefix(string(line[:n]), "idle ") {
		t.Errorf("output %q, %v", line[:n], err)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // the state tells
	if status := cmd.ProcessState.ExitCode(); status != 128+int(syscall.SIGTERM) {
		t.Errorf("it ended with %v", cmd.ProcessState)
	}
}

func TestBadUsage(t *testing.T) {
	path := baretest.Compile(t, Program())
	for _, line := range []string{
		"", "dance", "start now", "idle 5", "mark", "compute", "compute x", "compute -1", "compute 1 2", "compute 3600001",
		"compute 99999999999999999999999", "read", "read f", "read f 512", "read f 0 1", "read f 67108865 1", "read f 512 1 sideways",
	} {
		out, errs, status := run(t, path, strings.Fields(line)...)
		if status != 64 || out != "" || strings.Count(errs, "\n") != 1 || !strings.HasPrefix(errs, "probe: usage: ") {
			t.Errorf("probe %s: status %d, output %q, standard error %q; want 64 and a line on usage", line, status, out, errs)
		}
	}
}

func TestFailures(t *testing.T) {
	path := baretest.Compile(t, Program())
	short := file(t, 100)
	for _, args := range [][]string{
		{"read", filepath.Join(t.TempDir(), "missing"), "512", "1"}, {"read", short, "512", "1"}, {"write", t.TempDir(), "512", "1"},
		{"read", "/dev/full", "512", "1"},
	} {
		out, errs, status := run(t, path, args...)
		if status != 1 || out != "" || strings.Count(errs, "\n") != 1 || !strings.HasPrefix(errs, "probe "+args[0]+": ") {
			t.Errorf("%v: status %d, output %q, standard error %q; want 1 and a line", args, status, out, errs)
		}
	}
}
