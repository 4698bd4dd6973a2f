package tree

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// Options say how a directory is shown.
type Options struct {
	ReadOnly bool
	NoCache  bool // the guest asks each time; otherwise it believes what it knows for a second
	Most     int  // descriptors, in all; 0: a few thousand
}

// Tree is a directory as a file system. It is a fuse.RawFileSystem; methods that it does not have answer ENOSYS.
type Tree struct {
	fuse.RawFileSystem

	o     Options
	who   identity
	proc  int // /proc/self/fd
	nodes table
	open  handles
	valid uint64 // seconds for which the guest may believe an answer

	chunks sync.Pool // of *[chunk]byte
}

// believed is for how many seconds a guest believes what it was told of names and attributes.
const believed = 1

const (
	fewDescriptors = 4096
	leastEach      = 16
)

// New makes a tree of a directory, whose descriptor it owns from then on.
func New(dir int, o Options) (*Tree, error) {
	proc, err := unix.Open("/proc/self/fd", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open /proc/self/fd: %w", err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(dir, &st); err != nil {
		return nil, err
	}
	if o.Most == 0 {
		o.Most = fewDescriptors
	}
	t := &Tree{RawFileSystem: fuse.NewDefaultRawFileSystem(), o: o, who: own(os.Geteuid(), os.Getegid()), proc: proc}
	t.chunks.New = func() any { return new([chunk]byte) }
	if !o.NoCache {
		t.valid = believed
	}
	t.nodes.init(dir, keyOf(&st), max(o.Most/2, leastEach))
	t.open.init(max(o.Most/2, leastEach))
	return t, nil
}

// String names the file system.
func (t *Tree) String() string { return "terem" }

// Forsake forgets all nodes and closes all files: the guest's session has ended. No request is under way.
func (t *Tree) Forsake() {
	t.open.closeAll()
	t.nodes.forgetAll()
}

// Close closes everything. No request is under way, and none comes.
func (t *Tree) Close() error {
	t.Forsake()
	return errors2(unix.Close(t.nodes.root.fd), unix.Close(t.proc))
}

// errors2 is the first error.
func errors2(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// reopen opens the file of an O_PATH descriptor. The caller has looked what kind of file it is.
func (t *Tree) reopen(fd, flags int) (int, error) {
	return retry(func() (int, error) { return unix.Openat(t.proc, strconv.Itoa(fd), flags|unix.O_CLOEXEC, 0) })
}

// retry calls again what a signal has interrupted.
func retry(call func() (int, error)) (int, error) {
	for {
		if n, err := call(); !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}

// procPath names the file of an O_PATH descriptor, for system calls that take no descriptor like that.
func procPath(fd int) string { return "/proc/self/fd/" + strconv.Itoa(fd) }

// status is an error as FUSE says it.
func status(err error) fuse.Status {
	if err == nil {
		return fuse.OK
	}
	if errno := unix.Errno(0); errors.As(err, &errno) {
		return fuse.Status(errno)
	}
	return fuse.EIO
}

// now is the host's clock, from which file times are.
func now() time.Time { return time.Now() }
