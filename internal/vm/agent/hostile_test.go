package agent

import (
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// hostile says something to the guest's agent, in pieces, and goes away.
func (a *guestAgent) hostile(t *testing.T, says []byte, r *rand.Rand) {
	c := a.call(t)
	go io.Copy(io.Discard, c)
	c.SetWriteDeadline(time.Now().Add(time.Second))
	for len(says) > 0 {
		n := 1 + r.IntN(len(says))
		if _, err := c.Write(says[:n]); err != nil {
			break // it has had enough
		}
		says = says[n:]
	}
	if r.IntN(2) == 0 {
		time.Sleep(time.Duration(r.IntN(3)) * time.Millisecond)
	}
	c.Close()
}

// nonsense are frames, most of which make no sense.
func nonsense(r *rand.Rand) (b []byte) {
	programs := [][]string{{"true"}, {"cat"}, {"sh", "-c", "echo hi; exit 3"}, {"yes"}, {"no-such-program"}, {""}}
	for range r.IntN(8) {
		switch r.IntN(6) {
		case 0: // a start that may make sense
			s := Start{Argv: programs[r.IntN(len(programs))], TTY: r.IntN(3) == 0, Hold: r.IntN(4) == 0, Rows: uint16(r.Uint32()), Dir: []string{"", "/", "/no"}[r.IntN(3)]}
			f, err := s.frame()
			if err != nil {
				panic(err)
			}
			if r.IntN(4) == 0 {
				f[header+r.IntN(len(f)-header)] = byte(r.Uint32())
			}
			b = append(b, f...)
		case 1: // a length of its own
			b = append(b, claim(kind(r.IntN(8)), []uint32{0, 1, 32768, 32769, 1 << 31, 1<<32 - 1, 1<<32 - 5, r.Uint32()}[r.IntN(8)])...)
		case 2:
			for range r.IntN(64) {
				b = append(b, byte(r.Uint32()))
			}
		case 3: // input, at times too much
			b = append(b, frame(stdin, strings.Repeat("x", r.IntN(window+2)))...)
		default: // any kind, any length
			payload := make([]byte, r.IntN(12))
			for i := range payload {
				payload[i] = byte(r.IntN(4))
			}
			if k := kind(r.IntN(25)); k != signal || len(payload) != 1 { // it might stop what it has started
				b = appendFrame(b, k, payload...)
			}
		}
	}
	return b
}

// TestGuestHostile: whatever a host sends, the agent goes on, idles afterwards, and has no descriptor more.
func TestGuestHostile(t *testing.T) {
	a := startAgent(t)
	a.run(t, shell("true"), "")
	before := a.descriptors(t)
	r := rand.New(rand.NewPCG(11, uint64(time.Now().UnixNano())))
	n := 3000
	if testing.Short() {
		n = 300
	}
	for range n {
		a.hostile(t, nonsense(r), r)
	}
	if got := a.run(t, shell("cat; exit 6"), "still here"); got.out != "still here" || got.status.Code != 6 || got.err != nil {
		t.Errorf("%+v", got)
	}
	for i := 0; a.descriptors(t) > before; i++ {
		if i == 300 {
			t.Fatalf("%d descriptors, %d before", a.descriptors(t), before)
		}
		time.Sleep(10 * time.Millisecond)
	}
	ticks := a.ticks(t)
	time.Sleep(300 * time.Millisecond)
	if spent := a.ticks(t) - ticks; spent > 10 {
		t.Errorf("%d ticks of processor time, and nobody asked for anything", spent)
	}
}

// FuzzHost: single streams of bytes, against the real agent.
func FuzzHost(f *testing.F) {
	first, err := (&Start{Argv: []string{"cat"}, Env: []string{"A=1"}, User: "root", Dir: "/tmp"}).frame()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(append(first, frame(stdin, "hello")...))
	f.Add(claim(stdin, 1<<32-1))
	a := startAgent(f)
	f.Fuzz(func(t *testing.T, says []byte) {
		c := a.call(t) // which fails if it has crashed
		c.SetDeadline(time.Now().Add(10 * time.Second))
		go func() {
			_, _ = c.Write(says) // which it may cut off
			_ = c.CloseWrite()
		}()
		if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error("the agent does not let go of a host that has gone")
		}
	})
}

func (a *guestAgent) descriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/" + strconv.Itoa(a.cmd.Process.Pid) + "/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// ticks are what it has used of the processor, in hundredths of a second: proc(5), utime and stime.
func (a *guestAgent) ticks(t *testing.T) int {
	t.Helper()
	b, err := os.ReadFile("/proc/" + strconv.Itoa(a.cmd.Process.Pid) + "/stat")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	fields := strings.Fields(rest)
	user, err := strconv.Atoi(fields[11])
	if err != nil {
		t.Fatal(err)
	}
	system, err := strconv.Atoi(fields[12])
	if err != nil {
		t.Fatal(err)
	}
	return user + system
}

// TestGuestStopped: others of a user may stop what is to become a program of theirs, before and after it is executed. That
// holds up nobody else, and when its host goes, so does it.
func TestGuestStopped(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("not root")
	}
	const nobody = 54321
	stopper := exec.Command("sh", "-c", "while :; do kill -STOP -1; done")
	stopper.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	if err := stopper.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		stopper.Process.Kill()
		stopper.Wait()
	}()
	a := startAgent(t)
	stopped := 0
	for i := 0; i < 100 && stopped < 10; i++ {
		c := a.call(t)
		c.SetDeadline(time.Now().Add(200 * time.Millisecond))
		if _, err := Exec(c, Start{Argv: []string{"true"}, User: strconv.Itoa(nobody)}, Streams{}); err != nil {
			stopped++
		}
		c = a.call(t)
		c.SetDeadline(time.Now().Add(10 * time.Second))
		if st, err := Exec(c, shell("exit 3"), Streams{}); err != nil || st.Code != 3 {
			t.Fatalf("%d, of which %d were stopped: %+v, %v", i, stopped, st, err)
		}
	}
	t.Logf("%d were stopped", stopped)
	for i := 0; a.children(t) > 0; i++ {
		if i == 500 {
			t.Fatalf("%d processes are left", a.children(t))
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (a *guestAgent) children(t *testing.T) int {
	t.Helper()
	pid := strconv.Itoa(a.cmd.Process.Pid)
	b, err := os.ReadFile("/proc/" + pid + "/task/" + pid + "/children")
	if err != nil {
		t.Skip(err)
	}
	return len(strings.Fields(string(b)))
}

// TestGuestBehindStart: what comes with START is for the process, however long that takes to be there.
func TestGuestBehindStart(t *testing.T) {
	a := startAgent(t)
	for name, s := range map[string]Start{
		"plain":     {Argv: []string{"cat"}},
		"directory": {Argv: []string{"cat"}, Dir: "/tmp"},
		"user":      {Argv: []string{"cat"}, User: strconv.Itoa(os.Getuid())},
	} {
		f, err := s.frame()
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			f = append(f, frame(stdin, strings.Repeat("x", window/4))...)
		}
		c := a.call(t)
		if _, err := c.Write(append(f, frame(stdinEOF, "")...)); err != nil {
			t.Fatal(err)
		}
		c.SetDeadline(time.Now().Add(10 * time.Second))
		says, err := io.ReadAll(c)
		if n := strings.Count(string(says), "x"); err != nil || n != 3*window/4 || !strings.HasSuffix(string(says), string(frame(exit, "\x00\x00"))) {
			t.Errorf("%s: %d of the bytes came back, %v", name, n, err)
		}
	}
}

// TestGuestInPieces: a frame may come in any pieces.
func TestGuestInPieces(t *testing.T) {
	a := startAgent(t)
	s := shell("cat; exit 2")
	f, err := s.frame()
	if err != nil {
		t.Fatal(err)
	}
	f = append(append(f, frame(stdin, "in pieces")...), frame(stdinEOF, "")...)
	c := a.call(t)
	for i := range f {
		if _, err := c.Write(f[i : i+1]); err != nil {
			t.Fatal(err)
		}
	}
	says, err := io.ReadAll(c)
	if err != nil || len(says) < 2*header+4 {
		t.Fatalf("%q, %v", says, err)
	}
	if got, want := string(says[header+4:]), string(frame(stdout, "in pieces"))+string(frame(exit, "\x00\x02")); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestGuestRefuses: what breaks the rules ends with an error, and the length alone is enough for that.
func TestGuestRefuses(t *testing.T) {
	a := startAgent(t)
	good, err := (&Start{Argv: []string{"cat"}}).frame()
	if err != nil {
		t.Fatal(err)
	}
	args := make([]byte, 8, 16)
	binary.LittleEndian.PutUint16(args[6:], 2)
	for name, tt := range map[string]struct {
		says []byte
		want string
	}{
		"4 GiB":             {claim(start, 1<<32-1), "\x47\x00\x00\x00frame"},
		"one too many":      {claim(start, maxFrame+1), "\x47\x00\x00\x00frame"},
		"not a start":       {frame(stdin, "x"), "\x47\x00\x00\x00frame"},
		"empty start":       {frame(start, ""), "\x16\x00\x00\x00start"},
		"no NUL":            {frame(start, "\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00cat"), "\x16\x00\x00\x00start"},
		"too few words":     {frame(start, string(args)+"\x00\x00cat\x00"), "\x16\x00\x00\x00start"},
		"too many words":    {frame(start, "\x00\x00\x00\x00\x00\x00\xff\xff\x00\x00cat\x00"), "\x07\x00\x00\x00start"},
		"holds, detached":   {frame(start, "\x06\x00\x00\x00\x00\x00\x01\x00\x00\x00cat\x00"), "\x16\x00\x00\x00start"},
		"go, at once":       {append(good[:len(good):len(good)], frame(goOn, "\x00\x00\x00\x00")...), "\x47\x00\x00\x00frame"},
		"unknown flag":      {frame(start, "\x08\x00\x00\x00\x00\x00\x01\x00\x00\x00cat\x00"), "\x16\x00\x00\x00start"},
		"starts twice":      {append(good, good...), "\x47\x00\x00\x00frame"},
		"breaks the window": {append(append(good[:len(good):len(good)], frame(signal, "\x13")...), frame(stdin, strings.Repeat("x", window+1))...), "\x47\x00\x00\x00frame"},
		"all, not its own":  {append(good[:len(good):len(good)], frame(signalAll, "\x0f")...), "\x47\x00\x00\x00frame"},
		"signal 65":         {append(good[:len(good):len(good)], frame(signal, "\x41")...), "\x47\x00\x00\x00frame"},
		"signal 0":          {append(good[:len(good):len(good)], frame(signal, "\x00")...), "\x47\x00\x00\x00frame"},
		"short resize":      {append(good[:len(good):len(good)], frame(resize, "\x00")...), "\x47\x00\x00\x00frame"},
		"long end":          {append(good[:len(good):len(good)], frame(stdinEOF, "x")...), "\x47\x00\x00\x00frame"},
	} {
		c := a.call(t)
		if _, err := c.Write(tt.says); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		c.SetReadDeadline(time.Now().Add(10 * time.Second))
		said, err := io.ReadAll(c)
		if err != nil && tt.want != "" {
			t.Errorf("%s: %v", name, err)
		}
		if got := string(said); tt.want != "" && !strings.HasSuffix(got, string(frame(failure, tt.want))) {
			t.Errorf("%s: the guest said %q", name, got)
		}
	}
}
