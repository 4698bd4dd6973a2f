package enter

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"terem/internal/fault"
	"terem/internal/running"
	"terem/internal/vm/control"
)

// machine is one whose agent's port answers what the test says, call by call; the last answer stands for all further ones.
func machine(t *testing.T, info control.Info, answers ...string) (paused func()) {
	t.Helper()
	t.Setenv(running.RootVar, t.TempDir())
	d, err := running.Claim(running.Root(), "web", "")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	nothing := func() error { return nil }
	s, err := control.Listen(d.File(running.ControlSocket), control.Verbs{
		Info: func() control.Info { return info }, Ended: ended, End: func() control.End { return control.End{} }, Pause: nothing, Resume: nothing,
	})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", d.File(running.VsockSocket))
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for n := 0; ; n++ {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				line, err := bufio.NewReader(c).ReadString('\n')
				if err != nil || line != "CONNECT 1020\n" {
					return
				}
				answer := answers[min(n, len(answers)-1)]
				fmt.Fprint(c, answer)
				if answer == "" { // a machine that stands still
					time.Sleep(time.Minute)
				}
			}()
		}
	}()
	t.Cleanup(func() {
		l.Close()
		close(ended)
		s.Close()
		if err := d.Release(); err != nil {
			t.Error(err)
		}
	})
	return func() {
		if err := (control.Client{Path: d.File(running.ControlSocket)}).Pause(); err != nil {
			t.Error(err)
		}
	}
}

// TestDial: what the agent says first comes behind the answer, and a guest that boots is called again.
func TestDial(t *testing.T) {
	machine(t, control.Info{Agent: true}, "ERR refused\n", "ERR refused\n", "OK 5\nhello")
	c, err := Dial("web")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	buf := make([]byte, 10)
	if n, err := c.Read(buf); err != nil || string(buf[:n]) != "hello" {
		t.Errorf("%q, %v", buf[:n], err)
	}
}

// TestDialRefused: each reason that no wait can mend is one line.
func TestDialRefused(t *testing.T) {
	for _, tt := range []struct {
		info   control.Info
		answer string
		pause  bool
		status int
		want   string
	}{
		{control.Info{}, "ERR refused\n", false, fault.StatusHost, "no agent"},
		{control.Info{Agent: true}, "ERR refused\n", true, fault.StatusHost, "`terem resume web`"},
		{control.Info{Agent: true}, "", true, fault.StatusHost, "`terem resume web`"},
	} {
		t.Run(tt.want, func(t *testing.T) {
			pause := machine(t, tt.info, tt.answer)
			if tt.pause {
				pause()
			}
			_, err := Dial("web")
			if err == nil || fault.Status(err) != tt.status || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%v, status %d; want %q, %d", err, fault.Status(err), tt.want, tt.status)
			}
		})
	}
	t.Setenv(running.RootVar, t.TempDir())
	if _, err := Dial("web"); fault.Status(err) != fault.StatusUsage {
		t.Errorf("nothing runs: %v", err)
	}
}
