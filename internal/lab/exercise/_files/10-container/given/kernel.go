package exercise

// This file is given. The grader uses its own copy.

// Kernel is what a process asks of the kernel, each by the name of its system call. An error is a syscall.Errno. The grader has one that is
// made up; `go run ./try run` has the real one.
type Kernel interface {
	Mount(source, target, fstype string, flags uintptr, data string) error // mount(2)
	PivotRoot(newRoot, putOld string) error                                // pivot_root(2)
	Chroot(dir string) error                                               // chroot(2)
	Unmount(target string, flags int) error                                // umount2(2)
	Chdir(dir string) error                                                // chdir(2)
	Sethostname(name string) error                                         // sethostname(2)
	NoNewPrivs() error                                                     // prctl(2), PR_SET_NO_NEW_PRIVS
	Write(file, text string) error                                         // open(2), write(2), close(2) of a file that is there
	Exec(argv []string) error                                              // execve(2): it comes back only if it fails
}

// Flags of mount(2) and umount2(2).
const (
	MS_NOSUID  = 0x2
	MS_NODEV   = 0x4
	MS_NOEXEC  = 0x8
	MS_BIND    = 0x1000
	MS_REC     = 0x4000
	MS_PRIVATE = 0x40000
	MS_SLAVE   = 0x80000
	MS_SHARED  = 0x100000

	MNT_DETACH = 0x2
)

// Flags of clone(2).
const (
	CLONE_NEWNS     = 0x20000    // mounts
	CLONE_NEWCGROUP = 0x2000000  // the root of control groups
	CLONE_NEWUTS    = 0x4000000  // host name
	CLONE_NEWIPC    = 0x8000000  // System V IPC, POSIX queues
	CLONE_NEWUSER   = 0x10000000 // users, and what root may
	CLONE_NEWPID    = 0x20000000 // processes
	CLONE_NEWNET    = 0x40000000 // network
)

// Config is what a container is to be.
type Config struct {
	Root     string // a directory with a system in it, and with the empty directories proc and old; it is no mount point
	Hostname string
	Argv     []string // the program
}

// Limits of a container.
type Limits struct {
	Memory int64 // bytes
	PIDs   int
	CPUs   float64 // 0.5 is half of one processor's time
}
