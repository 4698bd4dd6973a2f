package agent

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Starter starts programs for Serve.
type Starter interface {
	// Start starts one, with these three files as its streams; with a terminal, or detached, there are none. An error is a
	// *StartError, or ErrGone if nothing is to be started any more.
	Start(s Start, files [3]*os.File) (Process, error)
}

// Process is one that runs.
type Process interface {
	Pid() uint32
	Terminal() *os.File           // the other end of its terminal, for Serve to close, or nil
	Signal(s syscall.Signal)      // to its group
	Resize(s Size)                // of its terminal
	Wait() (st Status, err error) // ErrGone if not the program has ended, but all that it was in
}

// Serve is the other side of Exec: it hears START on a connection, and carries the streams of what is started. It closes
// the connection, and returns when nothing is left to say. Closing the connection ends it, however long the program goes on.
func Serve(conn Conn, starter Starter) { serve(conn, starter, patience) }

// patience is for a client that has not sent START.
const patience = 10 * time.Second

func serve(conn Conn, starter Starter, patience time.Duration) {
	v := &service{conn: conn, in: newIntake(), gone: make(chan struct{})}
	defer conn.Close()
	r := bufio.NewReaderSize(conn, header+maxFrame)
	late := time.AfterFunc(patience, func() { conn.Close() })
	s, err := readStart(r)
	late.Stop()
	if err == nil {
		err = v.start(starter, s)
	}
	if err != nil {
		v.refuse(err)
		return
	}
	var pid [4]byte
	binary.LittleEndian.PutUint32(pid[:], v.process.Pid())
	_ = v.say(appendFrame(nil, started, pid[:]...)) // who does not hear it has gone, as carry sees
	if s.Detach {
		return
	}
	go v.listen(r)
	v.carry()
}

// service is a connection in use.
type service struct {
	conn    Conn
	process Process
	in      *intake
	out     []stream

	mouth sync.Mutex // for one frame at a time
	leave sync.Once
	gone  chan struct{} // closed when nobody is there any more
}

// stream is an output, and the frame that it becomes.
type stream struct {
	kind kind
	file *os.File
}

// say sends a frame. Who cannot be told has gone.
func (v *service) say(frame []byte) error {
	v.mouth.Lock()
	defer v.mouth.Unlock()
	_, err := v.conn.Write(frame)
	if err != nil {
		v.left()
	}
	return err
}

func (v *service) left() { v.leave.Do(func() { close(v.gone) }) }

// refuse says what failed. Who does not hear it has gone.
func (v *service) refuse(err error) {
	var no *StartError
	if errors.As(err, &no) {
		b := binary.LittleEndian.AppendUint32(nil, uint32(no.Errno))
		_ = v.say(appendFrame(nil, failure, append(b, no.Step...)...))
	}
}

// readStart reads START. An error that is no *StartError is the connection's.
func readStart(r *bufio.Reader) (s Start, err error) {
	h, err := next(r)
	var bad *ProtocolError
	if errors.As(err, &bad) || err == nil && h.kind != start {
		return s, &StartError{syscall.EPROTO, "frame"}
	}
	if err != nil {
		return s, err
	}
	p := make([]byte, h.size)
	if _, err := io.ReadFull(r, p); err != nil {
		return s, gone(err)
	}
	return parseStart(p)
}

// prefix is what START has before its strings.
const prefix = 8

func parseStart(p []byte) (s Start, err error) {
	bad := func(n syscall.Errno) (Start, error) { return Start{}, &StartError{n, "start"} }
	if len(p) <= prefix || p[len(p)-1] != 0 || p[0]&^(flagTTY|flagDetach) != 0 || p[1] != 0 {
		return bad(syscall.EINVAL)
	}
	s.TTY, s.Detach = p[0]&flagTTY != 0, p[0]&flagDetach != 0
	s.Rows, s.Cols = binary.LittleEndian.Uint16(p[2:]), binary.LittleEndian.Uint16(p[4:])
	argc := int(binary.LittleEndian.Uint16(p[6:]))
	words := strings.Split(string(p[prefix:len(p)-1]), "\x00")
	const before = 2 // user and directory
	switch {
	case argc > maxArgs, len(words) > before+argc+maxEnv:
		return bad(syscall.E2BIG)
	case argc == 0, len(words) < before+argc, s.TTY && s.Detach:
		return bad(syscall.EINVAL)
	}
	s.User, s.Dir = words[0], words[1]
	s.Argv, s.Env = words[before:before+argc], words[before+argc:]
	return s, nil
}

// start makes the streams and starts the program.
func (v *service) start(starter Starter, s Start) (err error) {
	var theirs [3]*os.File
	defer func() {
		closeFiles(theirs[:]...)
		if err != nil {
			v.close()
		}
	}()
	if !s.TTY && !s.Detach {
		if err := v.pipes(&theirs); err != nil {
			return &StartError{errnoOf(err), "pipe"}
		}
	}
	if v.process, err = starter.Start(s, theirs); err != nil {
		return err
	}
	if t := v.process.Terminal(); t != nil {
		v.in.to, v.in.terminal = t, true
		v.out = []stream{{stdout, t}}
	}
	return nil
}

// errnoOf is what the kernel said.
func errnoOf(err error) syscall.Errno {
	n := syscall.EIO
	errors.As(err, &n)
	return n
}

func (v *service) pipes(theirs *[3]*os.File) error {
	for i, k := range [...]kind{stdin, stdout, stderr} {
		r, w, err := os.Pipe()
		if err != nil {
			return err
		}
		if k == stdin {
			theirs[i], v.in.to = r, w
			continue
		}
		theirs[i] = w
		v.out = append(v.out, stream{k, r})
	}
	return nil
}

// close closes our ends. A terminal may be among them twice.
func (v *service) close() {
	v.in.end()
	for _, s := range v.out {
		s.file.Close()
	}
}

func closeFiles(files ...*os.File) {
	for _, f := range files {
		if f != nil {
			f.Close()
		}
	}
}

// hangUp tells the program that its user has gone.
func (v *service) hangUp() {
	v.process.Signal(syscall.SIGHUP)
	v.process.Signal(syscall.SIGCONT)
}

// end is how a program ended.
type end struct {
	status Status
	err    error
}

// carry carries what the program says until its end, and says how it ended. When the user has gone, nothing is kept for a
// program that goes on: what it writes then is nobody's, and an error.
func (v *service) carry() {
	defer v.close()
	go v.in.carry(v.say)
	var pumps sync.WaitGroup
	for _, s := range v.out {
		pumps.Go(func() { v.pump(s) })
	}
	ended := make(chan end, 1)
	go func() {
		st, err := v.process.Wait()
		ended <- end{st, err}
	}()
	var e end
	select {
	case e = <-ended:
	case <-v.gone:
		v.hangUp()
		return
	}
	for _, s := range v.out {
		stopReading(s.file)
	}
	pumps.Wait()
	if e.err != nil {
		return // the end of the connection says it
	}
	b := [2]byte{0, byte(e.status.Code)}
	if e.status.Signal != 0 {
		b = [2]byte{1, byte(e.status.Signal)}
	}
	_ = v.say(appendFrame(nil, exit, b[:]...)) // who does not hear it has gone
}

// listen hears what the user says until he goes, or breaks the rules.
func (v *service) listen(r *bufio.Reader) {
	err := v.hear(r)
	var bad *ProtocolError
	if errors.As(err, &bad) {
		v.refuse(&StartError{syscall.EPROTO, "frame"})
	}
	v.left()
	v.conn.Close() // an output that waits for him waits no longer
}

func (v *service) signal(n byte) error {
	if n < 1 || n > maxSignal {
		return protocol("a signal %d, which there is not", n)
	}
	v.process.Signal(syscall.Signal(n))
	return nil
}

func (v *service) hear(r *bufio.Reader) error {
	for {
		h, err := next(r)
		if err != nil {
			return err
		}
		switch h.kind {
		case stdin:
			err = pass(v.in, r, h.size)
		case stdinEOF:
			if _, err = short(r, h, 0, 0); err == nil {
				v.in.eof()
			}
		case resize:
			var p []byte
			if p, err = short(r, h, 4, 4); err == nil {
				v.process.Resize(Size{binary.LittleEndian.Uint16(p), binary.LittleEndian.Uint16(p[2:])})
			}
		case signal:
			var p []byte
			if p, err = short(r, h, 1, 1); err == nil {
				err = v.signal(p[0])
			}
		default:
			err = protocol("a frame %d where it has no place", h.kind)
		}
		if err != nil {
			return err
		}
	}
}
