package container

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"terem/internal/fault"

	"golang.org/x/sys/unix"
)

// The process outside and the first stage talk through one pair of connected sockets.
// A message is its length, 4 bytes, and its fields (see pack.go); descriptors travel with
// its first byte (unix(7), SCM_RIGHTS). The stage's end closes when the program takes its
// place, which is how the process outside learns that it did.

const (
	maxMessage = 4 << 20
	maxFiles   = 64 // the kernel passes 253 at once
	maxBinds   = maxFiles - 1 - len(standard{}) - len(controllersV1)
)

// order is all that the first stage is told. Its descriptors are the root, the binds and
// the standard files that are shown in /dev, if Mounted is set, and then one "tasks" file
// for each group of cgroup v1 to join.
type order struct {
	Argv, Env     []string
	Dir, Hostname string
	Root          string // directory
	Binds         []Bind
	Mounted       bool // root and binds come as detached mounts
	ReadOnly      bool
	OwnNetwork    bool     // a network namespace: bring up loopback
	OwnUsers      bool     // a user namespace
	TTYGroup      bool     // the group "tty" has a number here
	Writes        bool     // it can write to files of the host's beside its root (see setid.go)
	Shown         standard // these standard files come as detached mounts, too
	TTY           standard // make a terminal, for these,
	Columns, Rows uint16   // of this size,
	PlainOutput   bool     // which adds nothing to what it shows
	Ceilings      Ceilings
}

// standard says something of standard input, output and error.
type standard [3]bool

func (o *order) pack(p packer) {
	list(p, &o.Argv, packer.text)
	list(p, &o.Env, packer.text)
	list(p, &o.Binds, func(p packer, b *Bind) {
		p.text(&b.Source)
		p.text(&b.Target)
		p.flag(&b.ReadOnly)
	})
	for _, s := range []*string{&o.Dir, &o.Hostname, &o.Root} {
		p.text(s)
	}
	for _, f := range []*bool{&o.Mounted, &o.ReadOnly, &o.OwnNetwork, &o.OwnUsers, &o.TTYGroup, &o.Writes, &o.PlainOutput} {
		p.flag(f)
	}
	for i := range o.TTY {
		p.flag(&o.Shown[i])
		p.flag(&o.TTY[i])
	}
	number(p, &o.Columns)
	number(p, &o.Rows)
	for _, n := range []*uint64{&o.Ceilings.Data, &o.Ceilings.Processes, &o.Ceilings.Tmp} {
		wide(p, n)
	}
}

// report is what the first stage says: a terminal, which comes along as a descriptor, or
// why there will be no program.
type report struct {
	Terminal bool
	Class    fault.Class
	Thing    string
	Cause    string
	Mend     string
	Error    string

	Step  string // of a process that enters: what failed, and
	Errno int    // why
}

func (r *report) pack(p packer) {
	p.flag(&r.Terminal)
	number(p, &r.Class)
	for _, s := range []*string{&r.Thing, &r.Cause, &r.Mend, &r.Error, &r.Step} {
		p.text(s)
	}
	number(p, &r.Errno)
}

// send writes a message and passes descriptors.
func send(socket int, m message, fds ...int) error {
	body := packed(m)
	if len(body) > maxMessage {
		return fmt.Errorf("%d bytes of arguments and environment: %w", len(body), unix.E2BIG)
	}
	p := append(binary.LittleEndian.AppendUint32(nil, uint32(len(body))), body...)
	var rights []byte
	if len(fds) > 0 {
		rights = unix.UnixRights(fds...)
	}
	for len(p) > 0 {
		n, err := unix.SendmsgN(socket, p, rights, nil, unix.MSG_NOSIGNAL)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return os.NewSyscallError("sendmsg", err)
		}
		p, rights = p[n:], nil
	}
	return nil
}

// receive reads a message and the descriptors that came with it, which are closed on
// exec. io.EOF means that the other end closed before a message began.
func receive(socket int, m message) (fds []int, err error) {
	defer func() {
		if err != nil {
			closeAll(fds)
			fds = nil
		}
	}()
	head := make([]byte, 4)
	n, fds, err := receiveFirst(socket, head)
	if err != nil {
		return fds, err
	}
	r := reader(socket)
	if _, err := io.ReadFull(r, head[n:]); err != nil {
		return fds, errors.Join(io.ErrUnexpectedEOF, err)
	}
	size := binary.LittleEndian.Uint32(head)
	if size > maxMessage {
		return fds, fmt.Errorf("a message of %d bytes is too long", size)
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(r, body); err != nil {
		return fds, errors.Join(io.ErrUnexpectedEOF, err)
	}
	return fds, unpack(body, m)
}

// receiveFirst reads the first bytes of a message, with which its descriptors come.
func receiveFirst(socket int, p []byte) (n int, fds []int, err error) {
	control := make([]byte, unix.CmsgSpace(4*maxFiles))
	n, controlled, _, _, err := unix.Recvmsg(socket, p, control, unix.MSG_CMSG_CLOEXEC)
	for errors.Is(err, unix.EINTR) {
		n, controlled, _, _, err = unix.Recvmsg(socket, p, control, unix.MSG_CMSG_CLOEXEC)
	}
	if err != nil {
		return 0, nil, os.NewSyscallError("recvmsg", err)
	}
	messages, err := unix.ParseSocketControlMessage(control[:controlled])
	for i := range messages {
		more, bad := unix.ParseUnixRights(&messages[i])
		fds, err = append(fds, more...), errors.Join(err, bad)
	}
	if err == nil && n == 0 {
		err = io.EOF
	}
	return n, fds, err
}

// reader reads a descriptor without the runtime's poller, which the first stage does
// not want to start.
type reader int

func (r reader) Read(p []byte) (int, error) {
	for {
		n, err := unix.Read(int(r), p)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return 0, os.NewSyscallError("read", err)
		case n == 0 && len(p) > 0:
			return 0, io.EOF
		default:
			return n, nil
		}
	}
}

func closeAll(fds []int) {
	for _, fd := range fds {
		_ = unix.Close(fd) // nothing was written to it
	}
}
