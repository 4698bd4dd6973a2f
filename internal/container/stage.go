package container

import (
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"

	"terem/internal/fault"

	"golang.org/x/sys/unix"
)

// InitName is the name, argument 0, under which terem is the first stage of a container.
const InitName = "terem-container-init"

// socketFD is where the first stage finds its end of the pair of sockets.
const socketFD = 3

// stage is the first stage: process 1 of the new namespaces. It has all rights over
// them, and gives up one after the other until it can become the program.
type stage struct {
	order
	root  mount   // the root file system, attached nowhere yet
	binds []mount // what is bound into it
	tasks []int   // the files of the groups to join

	standard [len(standard{})]mount // of the standard files, where Shown says so
	host     int                    // the host's root directory, until it is gone

	candidates []candidate // for the program

	covered bool // the root's directory has a new top over it
}

// IsInit says whether this process was started as a first stage, or to enter a container.
func IsInit(argv []string) bool {
	return len(argv) == 1 && (argv[0] == InitName || argv[0] == EnterName)
}

// Init is the whole life of such a process: it becomes the program, or says why not and
// returns an exit status.
func Init() (status int) {
	if os.Args[0] == EnterName {
		return visitInit()
	}
	// Namespaces, groups and rights belong to a thread.
	runtime.LockOSThread()
	s := &stage{}
	if err := unix.CloseRange(socketFD, math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		// The flag is of Linux 5.11.
		r := s.failed("close_range", unix.ENOSYS)
		_ = send(socketFD, &r)
		return r.Class.Status()
	}
	const everybodyReads = 0o022
	unix.Umask(everybodyReads) // whoever starts the container
	fds, err := receive(socketFD, &s.order)
	if err != nil {
		return fault.StatusHost // the process outside is gone
	}
	if n := 1 + len(s.Binds); s.Mounted && len(fds) >= n {
		s.root = mount(fds[0])
		for _, fd := range fds[1:n] {
			s.binds = append(s.binds, mount(fd))
		}
		fds = fds[n:]
	}
	for i, shown := range s.Shown {
		if shown && len(fds) > 0 {
			s.standard[i], fds = mount(fds[0]), fds[1:]
		}
	}
	s.tasks = fds
	r := s.become()
	_ = send(socketFD, &r) // or nobody is left to tell
	return r.Class.Status()
}

// become takes all steps, and returns only if one fails.
func (s *stage) become() report {
	for _, step := range []struct {
		name string
		do   func() error
	}{
		// If terem dies, so does the container. The parent asked for that too, on
		// behalf of this process's first thread, which need not be this one.
		{"parent-death signal", func() error { return unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0) }},
		{"join the control groups", s.joinGroups},
		// Only now: what this namespace shows as "/" are the groups just joined.
		{"namespace of control groups", func() error { return unix.Unshare(unix.CLONE_NEWCGROUP) }},
		{"host name", func() error { return unix.Sethostname([]byte(s.Hostname)) }},
		{"loopback", s.loopback},
		{"root file system", s.enterRoot},
		{"standard files", s.reopenNull},
		{"terminal", s.openTerminal},
		{"working directory", s.enterDir},
		{"program", s.findProgram},
		{"capabilities", s.dropCapabilities},
		{"ceilings", s.setCeilings},
		{"no_new_privs", func() error { return unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }},
		{"filter of system calls", s.denySyscalls},
	} {
		if err := step.do(); err != nil {
			return s.failed(step.name, err)
		}
	}
	err := s.execute()
	r := report{Class: fault.NotExecutable, Thing: shown(s.Argv[0]), Error: err.Error()}
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
		r.Class, r.Error = fault.NoProgram, "no such program in the container"
	}
	return r
}

// failed is the report of a step that failed.
func (s *stage) failed(step string, err error) report {
	e := inWords("container: "+step, err)
	if errors.Is(err, unix.EPERM) && e.Mend == "" && !s.Mounted {
		e.Err = fmt.Errorf("this host lets no ordinary user have rights in namespaces: %w", err)
		e.Mend = "run terem as root, or allow it (apparmor_restrict_unprivileged_userns of sysctl)"
	}
	r := report{Class: e.Class, Thing: e.Thing, Cause: e.Cause, Mend: e.Mend}
	if e.Err != nil {
		r.Error = e.Err.Error()
	}
	return r
}

// joinGroups moves this thread, which is all of the process that will be left, into the
// groups of cgroup v1. A thread that moves itself, and only itself, does not wait for
// the grace period that a write to cgroup.procs costs (docs/adr/0014).
func (s *stage) joinGroups() error {
	for _, fd := range s.tasks {
		if _, err := unix.Write(fd, []byte("0")); err != nil {
			return os.NewSyscallError("write tasks", err)
		}
	}
	return nil
}

// loopback brings up the network namespace's only interface.
func (s *stage) loopback() error {
	if !s.OwnNetwork {
		return nil
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP)
	return os.NewSyscallError("SIOCSIFFLAGS", unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo))
}

// openTerminal makes the program's terminal the controlling one, and hands both ends out.
func (s *stage) openTerminal() error {
	if s.TTY == (standard{}) {
		return nil
	}
	near, far, err := openPTY()
	if err != nil {
		return err
	}
	defer closeAll([]int{near, far})
	size := &unix.Winsize{Row: s.Rows, Col: s.Columns}
	if err := unix.IoctlSetWinsize(far, unix.TIOCSWINSZ, size); err != nil {
		return os.NewSyscallError("TIOCSWINSZ", err)
	}
	if s.PlainOutput {
		if err := plainOutput(near); err != nil {
			return err
		}
	}
	if err := send(socketFD, &report{Terminal: true}, far, near); err != nil {
		return err
	}
	if err := unix.IoctlSetInt(near, unix.TIOCSCTTY, 0); err != nil {
		return os.NewSyscallError("TIOCSCTTY", err)
	}
	for fd, own := range s.TTY {
		if !own {
			continue
		}
		if err := unix.Dup3(near, fd, 0); err != nil {
			return os.NewSyscallError("dup3", err)
		}
	}
	return nil
}
