package launch

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	device "terem/devices/virtio/vsock"
	"terem/internal/cli/tty"
	"terem/internal/vm/agent"
	"terem/internal/vm/machine"
	"terem/internal/vm/vsock"
)

// way is how the default guest's PID 1 is reached, besides the console.
type way struct {
	agent   bool // it has an agent, which the host may call
	streams bool // that calls the host with the streams of the command
	idle    bool // there is no command but what the host starts
}

// chooseWay: who names an initrd, or what to execute in it, may have another PID 1; and who names a console wants the streams there.
func (s *session) chooseWay(im *images, pipe bool) (w way) {
	w.agent = im.own && s.o.Initrd == "" && !strings.Contains(s.o.Append, "rdinit=")
	w.idle = s.o.Warm != ""
	w.streams = w.agent && pipe && s.o.Console == "" && !w.idle
	return w
}

// vsock gives the machine sockets, if there is somebody to use them.
func (s *session) vsock(c *machine.Config, w way) {
	switch {
	case s.o.Vsock != nil:
		c.Vsock = s.o.Vsock.Device()
	case w.agent:
		c.Vsock = vsock.Plain()
	}
	s.answers(c, w)
}

// answers has the session take the guest's call, if it is to make one.
func (s *session) answers(c *machine.Config, w way) {
	if w.streams {
		s.streams = newStreams(s)
		c.Asker = s.streams
		c.Vsock.Dial = s.streams.first(c.Vsock.Dial)
	}
}

// streams are those of the guest's command, where its PID 1 calls the host with them (docs/agent.md). The console
// has the words of the kernel alone, and those of PID 1.
type streams struct {
	s         *session
	out, errs *tty.Output
	signals   chan syscall.Signal
	taken     atomic.Bool   // the guest has called, and will not be answered again
	called    chan struct{} // closed when it is answered
	done      chan struct{} // closed when it has said all
	writing   atomic.Bool   // somebody is to take what it has said
	wrote     atomic.Uint64 // times that somebody did
	nonsense  func(error)   // it does not keep to the protocol
}

func newStreams(s *session) *streams {
	return &streams{
		s: s, signals: make(chan syscall.Signal), called: make(chan struct{}), done: make(chan struct{}),
		nonsense: func(err error) { s.end(StatusBroken, err.Error()) },
	}
}

// first answers the first call to the agent's port, which PID 1 makes before it starts anything. All others are whose they were.
func (st *streams) first(others func(uint32) (device.Stream, error)) func(uint32) (device.Stream, error) {
	return func(port uint32) (device.Stream, error) {
		switch {
		case port == agent.Port && !st.taken.Swap(true):
			return st.answer(), nil
		case others == nil:
			return nil, errNobody
		}
		return others(port)
	}
}

var errNobody = errors.New("nobody listens there")

// open opens the user's ends.
func (st *streams) open() (err error) {
	if st.out, err = tty.NewOutput(st.s.o.Stdout, st.s.outputBroke); err != nil {
		return err
	}
	if st.errs, err = tty.NewOutput(st.s.o.Stderr, st.s.outputBroke); err != nil {
		st.out.Close()
	}
	return err
}

func (st *streams) close() {
	st.out.Close()
	st.errs.Close()
}

// stop calls off writes that wait for a reader.
func (st *streams) stop() {
	if st == nil || st.out == nil { // a terminal needs none
		return
	}
	st.out.Stop()
	st.errs.Stop()
}

// answer takes the guest's call.
func (st *streams) answer() device.Stream {
	ours, theirs := vsock.Pipe()
	close(st.called)
	go st.carry(ours)
	return theirs
}

// carry carries what the command and the user have to say to one another.
func (st *streams) carry(c agent.Conn) {
	defer close(st.done)
	_, err := agent.Attach(c, agent.Streams{
		Stdin: &input{st.s.o.Stdin, st.s}, Stdout: noted{st, st.out}, Stderr: noted{st, st.errs}, Signals: st.signals,
	})
	var bad *agent.ProtocolError
	if errors.As(err, &bad) {
		st.nonsense(bad)
	}
	// How the command has ended, the machine says; that an output cannot be written, the output.
}

// input is the user's, whose error somebody should hear of.
type input struct {
	r io.Reader
	s *session
}

func (i *input) Read(p []byte) (int, error) {
	n, err := i.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		i.s.unreadableInput(err)
	}
	return n, err
}

// noted is an output whose writes are counted.
type noted struct {
	st *streams
	w  io.Writer
}

func (n noted) Write(p []byte) (int, error) {
	n.st.writing.Store(true)
	defer func() {
		n.st.wrote.Add(1)
		n.st.writing.Store(false)
	}()
	return n.w.Write(p)
}

// Listening implements machine.Asker.
func (st *streams) Listening() bool {
	select {
	case <-st.done:
		return false
	default:
	}
	select {
	case <-st.called:
		return true
	default:
		return false
	}
}

// Ended implements machine.Asker.
func (st *streams) Ended() bool {
	select {
	case <-st.done:
		return st.taken.Load()
	default:
		return false
	}
}

// Ask implements machine.Asker.
func (st *streams) Ask(ctx context.Context, sig syscall.Signal) {
	select {
	case st.signals <- sig:
	case <-st.done:
	case <-ctx.Done():
	}
}

// silence is how long a guest that has ended may take to say the rest.
const silence = 200 * time.Millisecond

// collect waits, after the guest's end, for all that it has said before. A reader who takes his time gets it, but not if
// the user or the time has ended the guest.
func (st *streams) collect(heard <-chan os.Signal, timeout <-chan time.Time) {
	if st == nil || !st.taken.Load() {
		return
	}
	look := time.NewTicker(silence)
	defer look.Stop()
	for wrote := st.wrote.Load(); ; {
		select {
		case <-st.done:
			return
		case sig := <-heard:
			n := sig.(syscall.Signal)
			st.s.because(statusSignal+int(n), n.String())
			return
		case <-timeout:
			st.s.because(StatusTimeout, "the timeout ran out before the guest's output was read")
			return
		case <-look.C:
			now := st.wrote.Load()
			if now == wrote && !(st.writing.Load() && !st.s.isForced()) {
				return
			}
			wrote = now
		}
	}
}

// await waits for the last write, once the machine is closed and outputs are called off. One to a terminal cannot be.
func (st *streams) await() {
	if st != nil && st.out != nil && st.taken.Load() {
		select {
		case <-st.called:
			<-st.done
		default: // the call failed
		}
	}
}
