package container

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Program is one more program for a container that runs.
type Program struct {
	Argv          []string
	Env           []string // over the container's own
	Dir           string   // working directory; "": the container's
	User          string   // name, number, either with ":" and a group; "": root
	TTY           bool     // a terminal in place of the three files
	Columns, Rows uint16   // of that

	Stdin, Stdout, Stderr *os.File // nil: /dev/null
}

// Refusal is what could not be done for a program, by the name that docs/agent.md has for it.
type Refusal struct {
	Step  string
	Errno syscall.Errno
}

func (e *Refusal) Error() string { return e.Step + ": " + e.Errno.Error() }
func (e *Refusal) Unwrap() error { return e.Errno }

// ErrEnded is the error of a container that has ended.
var ErrEnded = errors.New("the container has ended")

// Exec starts a program beside the container's own: in its namespaces and control groups, with the same rights.
// Whoever calls it calls Wait of the process as well. An error is ErrEnded or a *Refusal.
func (k *Container) Exec(p Program) (*Process, error) {
	k.gate.RLock()
	defer k.gate.RUnlock()
	if k.Paused() {
		return nil, &Refusal{"fork", unix.EAGAIN}
	}
	v := &visit{k: k, p: p}
	defer v.close()
	err := v.steps()
	if err == nil {
		return v.process, nil
	}
	if v.process != nil {
		v.process.Signal(unix.SIGKILL)
		_, _ = v.process.Wait() // what counts is why
		if t := v.process.terminal; t != nil {
			t.Close()
		}
	}
	if k.ending() {
		return nil, ErrEnded
	}
	var no *Refusal
	if !errors.As(err, &no) {
		no = &Refusal{"fork", unix.EIO}
		errors.As(err, &no.Errno)
	}
	return nil, no
}

// enterLimit is how long a program may take until it begins.
const enterLimit = 30 * time.Second

// visit is a program on its way into a container.
type visit struct {
	k       *Container
	p       Program
	files   []*os.File // to be closed
	fds     []int
	mounts  int
	process *Process
}

func (v *visit) close() {
	for _, f := range v.files {
		f.Close()
	}
	closeAll(v.fds)
}

func (v *visit) steps() error {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return &Refusal{"pipe", errnoOf(err)}
	}
	outside := os.NewFile(uintptr(pair[0]), "outside")
	v.files = append(v.files, outside)
	inside := os.NewFile(uintptr(pair[1]), "inside")
	err = v.fork(inside)
	inside.Close() // with the copies: or the end of the stage would not be seen
	closeAll(v.fds)
	v.fds = nil
	if err != nil {
		return err
	}
	late := time.AfterFunc(enterLimit, func() { v.process.Signal(unix.SIGKILL) }) // a disk that does not answer, most likely
	defer late.Stop()
	tasks, err := v.k.groups.doors()
	if err != nil {
		return err
	}
	defer closeAll(tasks)
	q := v.request()
	if err := send(pair[0], &q, append([]int{v.mounts}, tasks...)...); err != nil {
		if errors.Is(err, unix.E2BIG) {
			return &Refusal{"start", unix.E2BIG}
		}
		return &Refusal{"fork", errnoOf(err)}
	}
	return v.await(pair[0])
}

func (v *visit) request() request {
	home := &v.k.home
	dir := v.p.Dir
	if dir == "" {
		dir = home.Dir
	}
	return request{
		order: order{Argv: v.p.Argv, Env: withoutTerminal(home.Env), Dir: dir, Writes: home.Writes, Columns: v.p.Columns, Rows: v.p.Rows,
			TTY: standard{v.p.TTY, v.p.TTY, v.p.TTY}},
		More: v.p.Env, User: v.p.User,
	}
}

// withoutTerminal is an environment that is not about the terminal of somebody else.
func withoutTerminal(env []string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(v string) bool { return strings.HasPrefix(v, "TERM=") })
}

// fork has a process enter, which then waits to be told more.
func (v *visit) fork(inside *os.File) error {
	e, err := v.entry(inside)
	if err != nil {
		return err
	}
	hear, say, err := os.Pipe()
	if err != nil {
		return &Refusal{"pipe", errnoOf(err)}
	}
	v.files = append(v.files, hear)
	e.said = say.Fd()
	var pid int
	failed := v.k.process.WithHandle(func(pidfd uintptr) {
		e.pidfd = pidfd
		if err = v.openMounts(int(pidfd)); err == nil {
			pid, err = e.fork()
		}
	})
	say.Close()
	if failed != nil {
		return failed // it has ended
	}
	if err != nil {
		return &Refusal{"fork", errnoOf(err)}
	}
	err = v.listen(hear)
	for {
		if _, e := unix.Wait4(pid, nil, 0, nil); e != unix.EINTR {
			return err
		}
	}
}

// openMounts opens the container's namespace of mounts. The number may be another process's by now, unless ours is still there
// afterwards.
func (v *visit) openMounts(pidfd int) (err error) {
	if v.mounts, err = unix.Open(fmt.Sprintf("/proc/%d/ns/mnt", v.k.Pid()), unix.O_RDONLY|unix.O_CLOEXEC, 0); err != nil {
		return err
	}
	v.files = append(v.files, os.NewFile(uintptr(v.mounts), "mounts"))
	return unix.PidfdSendSignal(pidfd, 0, nil, 0)
}

// listen hears what became of a fork.
func (v *visit) listen(r io.Reader) error {
	heard, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	const size = 16
	for ; len(heard) >= size; heard = heard[size:] {
		step, value := binary.NativeEndian.Uint64(heard), binary.NativeEndian.Uint64(heard[8:])
		switch step {
		case stepPID:
			v.process = v.k.newProcess(int(value))
		case stepUser:
			err = &Refusal{"user", syscall.Errno(value)}
		case stepSession, stepExec:
			err = &Refusal{"session", syscall.Errno(value)}
		default:
			err = &Refusal{"fork", syscall.Errno(value)}
		}
	}
	if err == nil && v.process == nil {
		err = &Refusal{"fork", unix.EIO} // it did not come to a remark
	}
	return err
}

// entry gets all ready that a process needs on its way in.
func (v *visit) entry(inside *os.File) (*entry, error) {
	exe, err := v.k.image()
	if err != nil {
		return nil, &Refusal{"fork", errnoOf(err)}
	}
	v.fds = append(v.fds, exe)
	home := &v.k.home
	e := &entry{namespaces: namespaces&^unix.CLONE_NEWNS | unix.CLONE_NEWCGROUP, exe: uintptr(exe), root: home.OwnUsers || v.k.privileged, groups: v.k.privileged}
	if home.OwnUsers {
		e.namespaces |= unix.CLONE_NEWUSER
	}
	if home.OwnNetwork {
		e.namespaces |= unix.CLONE_NEWNET
	}
	if e.argv, err = pointers([]string{EnterName}); err != nil {
		return nil, err
	}
	if e.env, err = pointers([]string{"GOMAXPROCS=1"}); err != nil {
		return nil, err
	}
	for i, f := range []*os.File{v.p.Stdin, v.p.Stdout, v.p.Stderr, inside} {
		if f == nil {
			if f, err = os.OpenFile(os.DevNull, os.O_RDWR, 0); err != nil {
				return nil, &Refusal{"pipe", errnoOf(err)}
			}
			v.files = append(v.files, f)
		}
		const beyond = 16 // the places that they are to have
		fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, beyond)
		if err != nil {
			return nil, &Refusal{"pipe", errnoOf(err)}
		}
		v.fds = append(v.fds, fd)
		e.files[i] = uintptr(fd)
	}
	return e, nil
}

// await hears what the stage says, until the program takes its place.
func (v *visit) await(socket int) error {
	for {
		var r report
		fds, err := receive(socket, &r)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return &Refusal{"fork", errnoOf(err)}
		case r.Step != "":
			closeAll(fds)
			return &Refusal{r.Step, syscall.Errno(r.Errno)}
		case len(fds) != 2 || v.process.terminal != nil:
			closeAll(fds)
			return &Refusal{"pty", unix.EPROTO}
		}
		if err := v.process.takeTerminal(fds[0], fds[1]); err != nil {
			return &Refusal{"pty", errnoOf(err)}
		}
	}
}

func errnoOf(err error) syscall.Errno {
	n := syscall.Errno(unix.EIO)
	errors.As(err, &n)
	return n
}
