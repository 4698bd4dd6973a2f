package tty

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"terem/internal/cli/tty/ttytest"
)

// holderVar makes the test binary hold its standard input in raw mode until it is
// killed.
const holderVar = "TEREM_TEST_HOLD_TERMINAL"

func TestMain(m *testing.M) {
	if os.Getenv(holderVar) != "" {
		hold()
	}
	os.Exit(m.Run())
}

func hold() {
	if _, err := MakeRaw(os.Stdin); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("raw")
	for {
		time.Sleep(time.Hour)
	}
}

func settings(t *testing.T, f *os.File) unix.Termios {
	t.Helper()
	s, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return *s
}

func TestRaw(t *testing.T) {
	keyboard, terminal := ttytest.Open(t)
	if !IsTerminal(terminal) {
		t.Error("a pseudo-terminal is no terminal")
	}
	before := settings(t, terminal)
	files := openFiles(t)
	raw, err := MakeRaw(terminal)
	if err != nil {
		t.Fatal(err)
	}
	now := settings(t, terminal)
	if now.Lflag&(unix.ICANON|unix.ECHO|unix.ISIG) != 0 || now.Oflag&unix.OPOST != 0 {
		t.Errorf("raw mode: %+v", now)
	}
	if _, err := keyboard.Write([]byte{0x03}); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 8)
	if n, err := terminal.Read(b); n != 1 || b[0] != 0x03 || err != nil {
		t.Errorf("Ctrl-C arrives as % x, %v", b[:n], err)
	}
	if err := raw.Restore(); err != nil {
		t.Fatal(err)
	}
	if after := settings(t, terminal); after != before {
		t.Errorf("after Restore %+v, before %+v", after, before)
	}
	if n := openFiles(t); n != files {
		t.Errorf("%d descriptors are open, %d before", n, files)
	}
}

// TestRawRestoresOddSettings: the user's own settings come back, not the usual ones.
func TestRawRestoresOddSettings(t *testing.T) {
	_, terminal := ttytest.Open(t)
	odd := settings(t, terminal)
	odd.Iflag |= unix.IXANY
	odd.Cc[unix.VINTR] = 0x0b
	if err := unix.IoctlSetTermios(int(terminal.Fd()), unix.TCSETS, &odd); err != nil {
		t.Fatal(err)
	}
	raw, err := MakeRaw(terminal)
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Restore(); err != nil {
		t.Fatal(err)
	}
	if after := settings(t, terminal); after != odd {
		t.Errorf("after Restore %+v, before %+v", after, odd)
	}
}

// TestRawAgain: a shell has set the terminal while the process was stopped.
func TestRawAgain(t *testing.T) {
	_, terminal := ttytest.Open(t)
	before := settings(t, terminal)
	raw, err := MakeRaw(terminal)
	if err != nil {
		t.Fatal(err)
	}
	want := settings(t, terminal)
	if err := unix.IoctlSetTermios(int(terminal.Fd()), unix.TCSETS, &before); err != nil {
		t.Fatal(err)
	}
	if err := raw.Again(); err != nil || settings(t, terminal) != want {
		t.Errorf("not raw again: %v", err)
	}
	if err := raw.Restore(); err != nil {
		t.Fatal(err)
	}
	if err := raw.Again(); err != nil || settings(t, terminal) != before {
		t.Errorf("raw after Restore: %v", err)
	}
}

func TestRawRefusesFiles(t *testing.T) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	if _, err := MakeRaw(null); err == nil || IsTerminal(null) {
		t.Errorf("%s is a terminal, error %v", os.DevNull, err)
	}
	if cols, rows := Size(null); cols != 0 || rows != 0 {
		t.Errorf("%s has %d columns and %d rows", os.DevNull, cols, rows)
	}
}

func TestSize(t *testing.T) {
	_, terminal := ttytest.Open(t)
	err := unix.IoctlSetWinsize(int(terminal.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 33, Col: 101})
	if err != nil {
		t.Fatal(err)
	}
	if cols, rows := Size(terminal); cols != 101 || rows != 33 {
		t.Errorf("%d columns, %d rows; want 101, 33", cols, rows)
	}
}

// TestGuardRestores kills a process that has put the terminal into raw mode: it
// gets no chance to restore it.
func TestGuardRestores(t *testing.T) {
	for _, tool := range []string{"sh", "stty"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(err)
		}
	}
	_, terminal := ttytest.Open(t)
	before := settings(t, terminal)
	holder := exec.Command(os.Args[0])
	holder.Env = append(os.Environ(), holderVar+"=1")
	holder.Stdin = terminal
	out, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if line != "raw\n" {
		t.Fatalf("the holder says %q, %v", line, err)
	}
	if now := settings(t, terminal); now == before {
		t.Error("the holder changed nothing")
	}
	if err := holder.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = holder.Wait() // it was killed: its status says only that
	for end := time.Now().Add(10 * time.Second); settings(t, terminal) != before; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("ten seconds later: %+v, before %+v", settings(t, terminal), before)
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
