package share

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"terem/devices/virtio/fs"
)

// Program is how the process that serves is started.
type Program struct {
	Path string
	Args []string // with the program's name, and without ServerWord
	Env  []string
}

// Server is the way to that process. It is an fs.Server.
type Server struct {
	process *os.Process
	gone    chan struct{} // closed when the process has ended
	memory  []byte
	sockets []*os.File
	free    chan int      // slots
	over    chan struct{} // closed when Close begins
	end     func() error  // Close, once
}

var _ fs.Server = (*Server)(nil)

// Start starts the process for a directory.
func Start(p Program, s Spec) (_ *Server, err error) {
	dir, err := s.Open()
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	c := &Server{gone: make(chan struct{}), free: make(chan int, Slots), over: make(chan struct{})}
	c.end = sync.OnceValue(c.close)
	files := []*os.File{nil, nil, nil, dir}
	defer func() {
		for _, f := range files[DirFD+1:] {
			f.Close()
		}
		if err != nil {
			c.release()
			err = fmt.Errorf("share %s: %w", s.Dir, err)
		}
	}()
	f, err := c.makeMemory()
	if err != nil {
		return nil, err
	}
	files = append(files, f)
	for i := range Slots {
		ours, theirs, err := pair()
		if err != nil {
			return nil, err
		}
		c.sockets, files = append(c.sockets, ours), append(files, theirs)
		c.free <- i
	}
	return c, c.start(p, s, files)
}

// makeMemory makes the memory of the slots.
func (c *Server) makeMemory() (*os.File, error) {
	fd, err := unix.MemfdCreate("terem-share", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), "terem-share")
	if err = f.Truncate(MemorySize); err == nil {
		// Or the other process could make it shorter, and a look at it would be the end of this one.
		_, err = unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_SEAL)
	}
	if err == nil {
		c.memory, err = unix.Mmap(fd, 0, MemorySize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// pair makes a slot's sockets.
func pair() (ours, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	return os.NewFile(uintptr(fds[0]), "slot"), os.NewFile(uintptr(fds[1]), "slot"), nil
}

// start starts the process with its descriptors and no others.
func (c *Server) start(p Program, s Spec, files []*os.File) (err error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	// Not terem's standard error: whoever reads that of a machine in the background waits until nobody has it any more.
	files[0], files[1], files[2] = null, null, null
	args := append(p.Args, ServerWord)
	if s.ReadOnly {
		args = append(args, ReadOnlyWord)
	}
	if s.NoCache {
		args = append(args, NoCacheWord)
	}
	// It is of another session, so that what is typed at the terminal does not reach it.
	c.process, err = os.StartProcess(p.Path, args, &os.ProcAttr{Dir: "/", Env: p.Env, Files: files, Sys: &syscall.SysProcAttr{Setsid: true}})
	if err != nil {
		return err
	}
	go func() {
		_, _ = c.process.Wait() // that its sockets have closed says enough
		close(c.gone)
	}()
	return nil
}

// errGone is the error of a server that has ended, or of one that lies.
var errGone = errors.New("the process that serves the directory has ended")

// Serve has a request answered; see fs.Server.
func (c *Server) Serve(in, out [][]byte) (int, error) {
	slot, ok := c.take()
	if !ok {
		return 0, errGone
	}
	defer func() { c.free <- slot }()
	request, answer := SlotOf(c.memory, slot)
	n := 0
	for _, b := range in {
		n += copy(request[n:], b)
	}
	room := 0
	for _, b := range out {
		room += len(b)
	}
	got, err := c.call(slot, Message{uint32(n), uint32(room)})
	if err != nil {
		return 0, err
	}
	if int64(got) > int64(min(room, len(answer))) {
		return 0, errGone
	}
	rest := answer[:got]
	for _, b := range out {
		rest = rest[copy(b, rest):]
	}
	return int(got), nil
}

// take gives a slot, unless the process is to end.
func (c *Server) take() (slot int, ok bool) {
	select {
	case slot = <-c.free:
		return slot, true
	case <-c.over:
		return 0, false
	}
}

// call sends a message on a slot's socket and waits for the other one.
func (c *Server) call(slot int, m Message) (length uint32, err error) {
	var b [MessageSize]byte
	m.Put(b[:])
	if _, err := c.sockets[slot].Write(b[:]); err != nil {
		return 0, errGone
	}
	if n, err := c.sockets[slot].Read(b[:]); err != nil || n != MessageSize {
		return 0, errGone
	}
	return Get(b[:]).Length, nil
}

// Forget ends the session; see fs.Server.
func (c *Server) Forget() {
	slot, ok := c.take()
	if !ok {
		return
	}
	defer func() { c.free <- slot }()
	_, _ = c.call(slot, Message{}) // a process that has ended has forgotten
}

// patience is how long the process may take to end by itself.
const patience = time.Second

// Close ends the process.
func (c *Server) Close() error { return c.end() }

func (c *Server) close() error {
	close(c.over)
	for _, s := range c.sockets {
		s.Close()
	}
	select {
	case <-c.gone:
	case <-time.After(patience):
		_ = c.process.Kill() // it waits for a disk, perhaps for long: nobody waits for it here
	}
	for range Slots { // nobody copies any more
		<-c.free
	}
	return unix.Munmap(c.memory)
}

// release undoes what Start has done before the process ran.
func (c *Server) release() {
	for _, s := range c.sockets {
		s.Close()
	}
	if c.memory != nil {
		_ = unix.Munmap(c.memory)
	}
}
