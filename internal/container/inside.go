package container

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"strings"

	"terem/internal/fault"

	"golang.org/x/sys/unix"
)

// The working directory and the program are named by paths of the container's, which are
// resolved when the host is out of sight. Only one way is left that leads out of a root:
// the links that /proc has for descriptors and for the file that a process runs. Here that
// is whatever the container was given as standard files, and terem itself; with more of
// them it was CVE-2024-21626, and CVE-2019-5736. So no such link is followed, and where a
// path ends is looked at.

var errLeadsOut = errors.New("a link there leads out of the container, or in a circle")

// openInside opens a path of the container's.
func openInside(name string, flags uint64) (int, error) {
	fd, err := unix.Openat2(unix.AT_FDCWD, name, &unix.OpenHow{Flags: flags | unix.O_CLOEXEC, Resolve: unix.RESOLVE_NO_MAGICLINKS})
	if errors.Is(err, unix.ELOOP) {
		err = errLeadsOut
	}
	return fd, err
}

// enterDir enters the working directory.
func (s *stage) enterDir() error {
	fd, err := openInside(s.Dir, unix.O_PATH|unix.O_DIRECTORY)
	if err == nil {
		err = unix.Fchdir(fd)
		_ = unix.Close(fd)
	}
	if err == nil {
		// The kernel says "(unreachable)" of what is not below the root; getcwd(3).
		if _, err = unix.Getwd(); err != nil {
			err = errLeadsOut
		}
	}
	if err != nil {
		return &fault.Error{Class: fault.Usage, Thing: fault.Field("Dir") + " " + shown(s.Dir), Err: err, Mend: "name a directory in the container"}
	}
	return nil
}

// candidate is a file that may be the program.
type candidate struct {
	path string
	err  error // why it cannot be
}

// findProgram finds the files to try, as execvp(3) does. It looks before the filter of system
// calls is in force, which may deny openat2(2).
func (s *stage) findProgram() error {
	name := s.Argv[0]
	if strings.Contains(name, "/") {
		s.candidates = []candidate{{name, checkFile(name)}}
		return nil
	}
	for _, dir := range strings.Split(lookup(s.Env, "PATH"), ":") {
		if dir == "" {
			dir = "."
		}
		path := dir + "/" + name
		s.candidates = append(s.candidates, candidate{path, checkFile(path)})
	}
	return nil
}

// execute becomes the program. The error is the most telling one.
func (s *stage) execute() error {
	found := error(unix.ENOENT)
	for _, c := range s.candidates {
		err := c.err
		if err == nil {
			err = unix.Exec(c.path, s.Argv, s.Env)
		}
		if !errors.Is(err, fs.ErrNotExist) && err != unix.ENOTDIR {
			found = err
		}
	}
	return found
}

// checkFile looks whether a program is in the container, and one that can run there.
func checkFile(path string) error {
	fd, err := openInside(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY)
	if errors.Is(err, unix.EACCES) {
		return nil // a program need not be readable
	}
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	head := make([]byte, elfHead)
	n, _ := unix.Pread(fd, head, 0) // the kernel will say what is wrong with it
	if is32bit(head[:max(n, 0)]) {
		return err32bit
	}
	return nil
}

// err32bit is said in place of a death without a word: the filter of system calls knows
// the numbers of one kind of program only.
var err32bit = errors.New("it is for 32-bit x86, and a container runs 64-bit programs")

// elfHead is as much of an ELF file as tells what it is for.
const elfHead = 20

// is32bit tells the programs that the kernel would start in a 32-bit mode (elf(5)).
func is32bit(head []byte) bool {
	const (
		magic                 = "\x7fELF"
		atClass, class32      = 4, 1
		atMachine             = 18
		machine386, machine64 = 3, 62
	)
	if len(head) < elfHead || string(head[:len(magic)]) != magic || head[atClass] != class32 {
		return false
	}
	machine := binary.LittleEndian.Uint16(head[atMachine:])
	return machine == machine386 || machine == machine64 // x32
}

func lookup(env []string, name string) string {
	for _, e := range env {
		if v, ok := strings.CutPrefix(e, name+"="); ok {
			return v
		}
	}
	return ""
}
