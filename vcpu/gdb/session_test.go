package gdb

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestConversation(t *testing.T) {
	f := newFake()
	c := newClient(t, f)
	if got := c.ask("qSupported:multiprocess+;swbreak+"); !strings.Contains(got, "qXfer:features:read+") {
		t.Errorf("qSupported: %q", got)
	}
	for _, tt := range []struct{ ask, want string }{
		{"vMustReplyEmpty", ""},
		{"QStartNoAckMode", "OK"},
		{"?", "T05thread:1;"},
		{"qC", "QC1"},
		{"qAttached", "1"},
		{"qfThreadInfo", "m1,2"},
		{"qsThreadInfo", "l"},
		{"qThreadExtraInfo,2", digits("vCPU 1")},
		{"qThreadExtraInfo,3", wrong},
		{"T2", "OK"},
		{"T3", wrong},
		{"Hg2", "OK"},
		{"p10", "0002008" + "1ffffffff"}, // rip of the second
		{"Hg1", "OK"},
		{"Hc-1", "OK"},
		{"Hg9", wrong},
		{"H", wrong},
		{"p0", "8877665544332211"},
		{"P0=0100000000000000", "OK"},
		{"p0", "0100000000000000"},
		{"P12=10000000", wrong}, // cs
		{"Pff=00", wrong},
		{"P0=00", wrong},
		{"P0", wrong},
		{"pzz", wrong},
		{"mffffffff81000000,4", "90909090"},
		{"Mffffffff81000000,2:cc01", "OK"},
		{"mffffffff81000000,3", "cc0190"},
		{"mffffffff81001ffe,10", "9090"}, // as much as there is
		{"m0,4", no},
		{"m,", wrong},
		{"mffffffff81000000", wrong},
		{"m1,ffffffffffffffffff", wrong},
		{"Mffffffff81000000,2:cc", wrong},
		{"M0,1:cc", no},
		{"Z0,ffffffff81000110,1", "OK"},
		{"Z1,ffffffff81000150,1", "OK"},
		{"Z3,ffffffff81000150,8", ""},
		{"Z9,1,1", ""},
		{"Zx,1,1", wrong},
		{"vCont?", "vCont;c;C;s;S"},
		{"vCont;c", "T05thread:1;swbreak:;"},
		{"z0,ffffffff81000110,1", "OK"},
		{"c", "T05thread:1;hwbreak:;"},
		{"z1,ffffffff81000150,1", "OK"},
		{"Z2,ffffffff81000160,8", "OK"},
		{"C05", "T05thread:1;watch:ffffffff81000160;"},
		{"z2,ffffffff81000160,8", "OK"},
		{"Z4,ffffffff81000160,4", "OK"},
		{"vCont;C05:1;c:2", "T05thread:1;awatch:ffffffff81000160;"},
		{"z4,ffffffff81000160,4", "OK"},
		{"vCont;s:2;c", "T05thread:2;"},
		{"p10", "0102008" + "1ffffffff"},
		{"s", "T05thread:2;"},
		{"S05;ffffffff81000300", "T05thread:2;"},
		{"p10", "0103008" + "1ffffffff"},
		{"vCont;x", wrong},
		{"vCont;", wrong},
		{"vCont;c:9", wrong},
		{"qXfer:features:read:nope.xml:0,10", "E00"},
		{"qXfer:features:read:target.xml:ffffff,10", "l"},
		{"qXfer:features:read:target.xml:0,5", "m<?xml"},
		{"qTStatus", ""},
		{"", ""},
	} {
		c.want(tt.ask, tt.want)
	}
	c.send(string(frame("vCont;c")))
	eventually(t, "it runs", f.runs)
	c.send("\x03")
	if got := c.answer(); got != "T02thread:1;" {
		t.Errorf("after Ctrl-C: %q", got)
	}
	c.want("D", "OK")
	eventually(t, "it runs without gdb", f.runs)
	if len(f.points) != 0 {
		t.Errorf("breakpoints stay: %v", f.points)
	}
}

// TestAllRegisters: g, and G in full and in part.
func TestAllRegisters(t *testing.T) {
	f := newFake()
	c := newClient(t, f)
	all := c.ask("g")
	if !strings.HasPrefix(all, "8877665544332211") || !strings.Contains(all, digits("sixteen bytes...")) {
		t.Errorf("g: %q", all)
	}
	c.want("G"+digits("ABCDEFGH")+all[16:], "OK")
	c.want("G"+digits("IJKLMNOP"), "OK")
	c.want("G"+digits("IJKL"), wrong)
	c.want("Gx", wrong)
	if got, _ := f.Registers(0); got.RAX != 0x504f4e4d4c4b4a49 || got.CR3 != 0x5000 || string(got.FX[160:170]) != "sixteen by" {
		t.Errorf("%+v", got)
	}
	if got := c.ask("g"); got[16:] != all[16:] {
		t.Errorf("G has changed what it was not given: %q", got)
	}
}

// TestAcknowledged: a broken packet is asked for again, and an answer is given again.
func TestAcknowledged(t *testing.T) {
	c := newClient(t, newFake())
	c.send("+$qC#00")
	b := make([]byte, 1)
	if _, err := io.ReadFull(c.r, b); err != nil || b[0] != '-' {
		t.Errorf("a wrong checksum: %q, %v", b, err)
	}
	c.want("qC", "QC1")
	c.send("-")
	if got := c.answer(); got != "QC1" {
		t.Errorf("once more: %q", got)
	}
	c.send("$qAtt$qC#b4") // the first is cut off
	if got := c.answer(); got != "QC1" {
		t.Errorf("after half a packet: %q", got)
	}
}

// TestStrangers: who does not speak the protocol stops nothing and ends nothing, whatever it says later, and a browser is no gdb. A second
// connection hears that there is one already, and the first goes on.
func TestStrangers(t *testing.T) {
	f := newFake()
	f.what = []Action{Go, Go}
	c := newClient(t, f)
	kill := string(frame("k"))
	for _, said := range []string{
		"GET / HTTP/1.1\r\n\r\n\x03\x03", "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\n" + kill, kill + " / HTTP/1.1\r\n\r\n", "\n" + kill, "k" + kill, "\x00" + kill,
	} {
		stranger := dial(t, c.conn.RemoteAddr())
		stranger.send(said)
		stranger.wantEnd()
	}
	if !f.runs() || f.killed {
		t.Errorf("a stranger has stopped the machine: runs %v, killed %v", f.runs(), f.killed)
	}
	c = dial(t, c.conn.RemoteAddr())
	c.want("?", "T05thread:1;")
	if f.runs() {
		t.Error("the machine runs while gdb looks at it")
	}
	two := dial(t, c.conn.RemoteAddr())
	two.want("qSupported", "E.another gdb is connected to this machine")
	two.wantEnd()
	c.want("qC", "QC1")
}

func (c *client) wantEnd() {
	c.t.Helper()
	_ = c.conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	if b, err := io.ReadAll(c.r); errors.Is(err, os.ErrDeadlineExceeded) || len(b) > 0 {
		c.t.Errorf("the connection goes on: %q, %v", b, err)
	}
}

// TestIdle: connections that say nothing keep nobody out.
func TestIdle(t *testing.T) {
	c := newClient(t, newFake())
	idle := dial(t, c.conn.RemoteAddr())
	c.wantEnd()
	idle.send("+")
	c = dial(t, c.conn.RemoteAddr())
	idle.wantEnd()
	c.want("qC", "QC1")
	var crowd []*client
	for range maxCrowd + 2 {
		crowd = append(crowd, dial(t, c.conn.RemoteAddr()))
	}
	crowd[maxCrowd+1].wantEnd()
	crowd[0].want("?", "E.another gdb is connected to this machine")
	c.want("qC", "QC1")
}

// TestWaiting: gdb is told, once, of breakpoints that have no place yet.
func TestWaiting(t *testing.T) {
	f := newFake()
	f.early = true
	c := newClient(t, f)
	for _, addr := range []string{"1", "2", "3"} {
		c.want("Z0,"+addr+",1", "OK")
	}
	got := c.ask("vCont;s:1")
	text, err := hex.DecodeString(strings.TrimPrefix(got, "O"))
	if got[0] != 'O' || err != nil || !strings.Contains(string(text), "for 2 of the breakpoints") || !strings.Contains(string(text), "(0x2)") {
		t.Errorf("%q: %q, %v", got, text, err)
	}
	if got := c.answer(); got != "T05thread:1;" {
		t.Errorf("after that: %q", got)
	}
	c.want("vCont;s:1", "T05thread:1;")
}

// TestLost: a connection that ends leaves the machine as it is, without breakpoints, and the next one finds it so.
func TestLost(t *testing.T) {
	for _, running := range []bool{false, true} {
		t.Run(fmt.Sprint("running ", running), func(t *testing.T) {
			f := newFake()
			c := newClient(t, f)
			c.want("?", "T05thread:1;")
			c.want("Z0,ffffffff81001000,1", "OK")
			if running {
				c.send(string(frame("c")))
				eventually(t, "it runs", f.runs)
			}
			c.conn.Close()
			eventually(t, "no breakpoint", func() bool { defer f.lock()(); return len(f.points) == 0 })
			eventually(t, "as it was", func() bool { return f.runs() == running })
			eventually(t, "the next is served", func() bool {
				next := dial(t, c.conn.RemoteAddr())
				next.send(string(frame("qC")))
				_ = next.conn.SetReadDeadline(time.Now().Add(20 * time.Second))
				text, err := next.r.ReadString('#')
				return err == nil && strings.Contains(text, "QC1")
			})
		})
	}
}

// TestLostAtWork: no vCPU is left standing by a gdb that is lost while one does a step, or while all run and there are no breakpoints.
func TestLostAtWork(t *testing.T) {
	for _, command := range []string{"vCont;s:2", "c"} {
		f := newFake()
		f.slow = true
		c := newClient(t, f)
		c.send(string(frame(command)))
		eventually(t, "it runs", f.runs)
		c.conn.Close()
		eventually(t, "all of it runs", func() bool { defer f.lock()(); return slices.Equal(f.what, []Action{Go, Go}) && f.halts == 2 })
	}
}

// TestEnds: gdb that waits is told of the machine's end, and kill ends it.
func TestEnds(t *testing.T) {
	f := newFake()
	c := newClient(t, f)
	c.want("?", "T05thread:1;")
	c.send(string(frame("c")))
	eventually(t, "it runs", f.runs)
	close(f.done)
	if got := c.answer(); got != "W07" {
		t.Errorf("at the end: %q", got)
	}
	g := newFake()
	c = newClient(t, g)
	c.send(string(frame("k")))
	eventually(t, "killed", func() bool { defer g.lock()(); return g.killed })
	h := newFake()
	newClient(t, h).want("vKill;1", "OK")
}

// TestDeaf: a client that does not read is given up, and holds nobody up. One that asks for too much is as well.
func TestDeaf(t *testing.T) {
	f := newFake()
	server, client := net.Pipe() // keeps nothing: a Write waits for its reader
	over := make(chan struct{})
	go func() {
		defer close(over)
		s := newSession(server, f)
		s.patience = time.Millisecond
		s.serve(nil)
		server.Close()
	}()
	_, _ = client.Write(frame("?"))
	_, _ = client.Write(frame("?"))
	<-over

	c := newClient(t, f)
	c.send("$" + strings.Repeat("m", maxPacket+1))
	_ = c.conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.ReadAll(c.r); err != nil && !strings.Contains(err.Error(), "reset") {
		t.Errorf("a packet without an end: %v", err)
	}
}

// TestNothingStays: sessions leave no goroutine.
func TestNothingStays(t *testing.T) {
	before := runtime.NumGoroutine()
	l := door(t)
	s := Start(l, newFake())
	for range 20 {
		_, _ = dial(t, l.Addr()).conn.Write([]byte("$qC#b4")) // all but one are closed
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	eventually(t, "all goroutines are gone", func() bool { return runtime.NumGoroutine() <= before })
}

// FuzzSession: whatever a client sends, the session answers or ends.
func FuzzSession(f *testing.F) {
	f.Add([]byte("+-\x03$#00$$}]#zz$qC#b4"))
	f.Fuzz(talk)
}

// FuzzCommand is the same within a packet.
func FuzzCommand(f *testing.F) {
	for _, s := range []string{"?", "g", "G00", "p10", "P0=0000000000000000", "mffffffff81000000,10", "Mffffffff81000000,1:00", "Z0,1,1",
		"z0,1,1", "vCont;s:1;c", "vCont?", "qSupported", "QStartNoAckMode", "qXfer:features:read:target.xml:0,fff", "D", "k", "c", "s1234", "T1", "Hg0",
		"qThreadExtraInfo,1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) { talk(t, frame(text)) })
}

func talk(t *testing.T, input []byte) {
	server, client := net.Pipe()
	done := make(chan struct{})
	go func() { defer close(done); newSession(server, newFake()).serve(nil); server.Close() }()
	go func() { _, _ = io.Copy(io.Discard, client) }()
	_, _ = client.Write(frame("qC")) // it stands alone
	_, _ = client.Write(input)       // the session may have ended
	client.Close()
	<-done
}

// TestFrame: what has a meaning of its own is escaped.
func TestFrame(t *testing.T) {
	for text, want := range map[string]string{"": "$#00", "OK": "$OK#9a", "a#b}": "$a}\x03b}]#1d"} {
		if got := string(frame(text)); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
