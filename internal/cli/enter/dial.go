package enter

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"terem/internal/fault"
	"terem/internal/running"
	"terem/internal/vm/agent"
	"terem/internal/vm/control"
)

// How long a guest may boot until its agent listens, how often it is called meanwhile, and after what time without an answer
// the machine is asked whether it stands still.
const (
	bootLimit = 60 * time.Second
	again     = 20 * time.Millisecond
	noAnswer  = time.Second
)

// conn is a connection whose first bytes may have been read ahead.
type conn struct {
	net.Conn
	r *bufio.Reader
}

func (c conn) Read(p []byte) (int, error) { return c.r.Read(p) }

// Dial connects with the agent of the machine of that name. A guest that boots is waited for.
func Dial(name string) (agent.Conn, error) {
	dir, err := running.Find(running.Root(), name)
	if err != nil {
		return nil, err
	}
	bad := func(cause, mend string) error {
		return &fault.Error{Class: fault.Host, Thing: name, Cause: cause, Mend: mend}
	}
	machine := control.Client{Path: filepath.Join(dir, running.ControlSocket)}
	for start := time.Now(); ; time.Sleep(again) {
		c, err := call(filepath.Join(dir, running.VsockSocket), machine)
		if err == nil {
			return c, nil
		}
		info, gone := machine.Info()
		switch {
		case gone != nil && missing(dir), gone == nil && info.State == control.StateEnded:
			return nil, &fault.Error{Class: fault.Gone, Thing: name, Err: control.ErrGone, Mend: "see `terem ps`"}
		case gone != nil: // it only begins
		case info.State == control.StatePaused:
			return nil, bad("it is paused", "`terem resume "+name+"`")
		case !info.Agent:
			return nil, bad("no agent is in it", "start it with terem's own guest")
		}
		if time.Since(start) > bootLimit {
			return nil, bad(fmt.Sprintf("its agent does not listen within %v: %v", bootLimit, err), "see `terem logs`")
		}
	}
}

func missing(dir string) bool {
	_, err := os.Stat(dir)
	return err != nil
}

// call asks the machine's socket for the agent's port.
func call(path string, machine control.Client) (agent.Conn, error) {
	raw, err := net.Dial("unix", path)
	if err != nil {
		return nil, err
	}
	c := conn{raw, bufio.NewReaderSize(raw, 64<<10)}
	if _, err = fmt.Fprintf(raw, "CONNECT %d\n", agent.Port); err == nil {
		var line string
		if line, err = c.answer(machine); err == nil && !strings.HasPrefix(line, "OK ") {
			err = errors.New(strings.TrimSpace(strings.TrimPrefix(line, "ERR ")))
		}
	}
	if err != nil {
		return nil, errors.Join(err, raw.Close())
	}
	return c, nil
}

// answer reads the line that comes before all else. A machine that was paused answers nothing.
func (c conn) answer(machine control.Client) (line string, err error) {
	for {
		_ = c.SetReadDeadline(time.Now().Add(noAnswer))
		more, err := c.r.ReadString('\n')
		line += more
		var late net.Error
		if !errors.As(err, &late) || !late.Timeout() {
			_ = c.SetReadDeadline(time.Time{})
			return line, err
		}
		if info, gone := machine.Info(); gone == nil && info.State != control.StateRunning {
			return "", errors.New("it is " + info.State)
		}
	}
}
