package share

import (
	"fmt"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"terem/internal/fault"
)

// Spec is one --share: a directory of the host's, and where the guest or the container has it.
type Spec struct {
	Dir      string // on the host; of a container, it may be a file
	Path     string // in the guest
	ReadOnly bool
	NoCache  bool // what the host changes is seen at once, and not within a second
}

const specForm = "DIR:PATH[:ro][,cache=none]"

// ParseSpec reads the value of --share.
func ParseSpec(value string) (Spec, error) {
	bad := func(cause string) (Spec, error) {
		return Spec{}, &fault.Error{Class: fault.Usage, Thing: fault.Field("Shares") + " " + value, Cause: cause, Mend: "the form is " + specForm}
	}
	s := Spec{}
	rest, noCache := strings.CutSuffix(value, ",cache=none")
	s.NoCache = noCache
	if at := strings.LastIndex(rest, ",cache="); at >= 0 {
		return bad(fmt.Sprintf("no cache mode %q", rest[at+len(",cache="):]))
	}
	rest, s.ReadOnly = strings.CutSuffix(rest, ":ro")
	at := strings.LastIndexByte(rest, ':')
	if at <= 0 {
		return bad("it takes a directory of the host's and a path in the guest")
	}
	s.Dir, s.Path = rest[:at], rest[at+1:]
	if !path.IsAbs(s.Path) || path.Clean(s.Path) == "/" {
		return bad(fmt.Sprintf("%q is no path below / in the guest", s.Path))
	}
	if strings.IndexByte(value, 0) >= 0 {
		return bad("it holds a NUL")
	}
	s.Path = path.Clean(s.Path)
	return s, nil
}

// Open opens the directory, to give it to a process that serves it.
func (s *Spec) Open() (*os.File, error) {
	bad := func(cause string, err error) error {
		return &fault.Error{Class: fault.Usage, Thing: fault.Field("Shares") + " " + s.Dir, Cause: cause, Err: err, Mend: "name a directory of this host"}
	}
	fd, err := unix.Open(s.Dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err == unix.ENOTDIR {
		return nil, bad("it is no directory", nil)
	}
	if err != nil {
		return nil, bad("", err)
	}
	if err := unix.Faccessat(fd, ".", unix.R_OK|unix.X_OK, unix.AT_EACCESS); err != nil {
		unix.Close(fd)
		return nil, bad("", err)
	}
	return os.NewFile(uintptr(fd), s.Dir), nil
}
