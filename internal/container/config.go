package container

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"terem/internal/fault"
)

// Network is what network a container sees.
type Network string

const (
	NetworkNone Network = "none" // a namespace of its own, with nothing but loopback
	NetworkHost Network = "host" // the host's
)

// Users is whose user and group numbers a container has.
type Users string

const (
	UsersPrivate Users = "private" // a namespace of its own: root inside is nobody outside
	UsersHost    Users = "host"    // the host's: root inside is root outside, with fewer rights
)

// Config says what to run, in what.
type Config struct {
	Root     string   // directory that becomes the root file system
	Argv     []string // program and arguments; a name without a slash is looked up in PATH
	Env      []string // "NAME=value"
	Dir      string   // working directory inside; "/" if empty
	Hostname string
	Binds    []Bind
	ReadOnly bool // the root file system cannot be written, but for /tmp, which is in memory

	Network  Network // NetworkNone if empty
	Users    Users   // UsersPrivate if empty
	Limits   Limits
	Ceilings Ceilings

	Stdin, Stdout, Stderr *os.File
	// TTY says which of the three are to be a terminal of the container's own, in place of
	// the file; Container.Terminal is its other end.
	TTY           [3]bool
	PlainOutput   bool   // that terminal adds nothing to what is written to it
	Columns, Rows uint16 // of the terminal at the start
}

// Bind is a file or directory of the host's that a container sees as well.
type Bind struct {
	Source   string // path on the host
	Target   string // path in the container, made if only its last part is missing (in a read-only root: if that is at the top)
	ReadOnly bool
}

// Outcome is how a container's program ended.
type Outcome struct {
	Status       int            // of exit(2), if Signal is 0
	Signal       syscall.Signal // that killed it, or 0
	OutOfMemory  bool           // the memory limit killed one of its processes
	User, System time.Duration  // CPU time of all its processes that were waited for
}

// ExitStatus is the status as a shell has it: that of the program, or 128+n for signal n.
func (o Outcome) ExitStatus() int {
	const signalled = 128
	if o.Signal != 0 {
		return signalled + int(o.Signal)
	}
	return o.Status
}

// fill checks a configuration, and fills in what it leaves to us.
func (c *Config) fill() error {
	bad := func(thing, why string) error {
		return &fault.Error{Class: fault.Usage, Thing: thing, Cause: why}
	}
	if len(c.Argv) == 0 || c.Argv[0] == "" {
		return bad("command", "there is none")
	}
	for _, s := range slices.Concat(c.Argv, c.Env, []string{c.Dir, c.Root, c.Hostname}) {
		if strings.ContainsRune(s, 0) {
			return bad(strconv.Quote(s), "no string of the kernel's has a zero byte")
		}
	}
	c.Network = cmp.Or(c.Network, NetworkNone)
	c.Users = cmp.Or(c.Users, UsersPrivate)
	c.Dir = cmp.Or(c.Dir, "/")
	c.Hostname = cmp.Or(c.Hostname, "terem")
	const longestHostname = 64
	switch {
	case c.Network != NetworkNone && c.Network != NetworkHost:
		return bad(fault.Field("Network")+" "+string(c.Network), "either none or host")
	case c.Users != UsersPrivate && c.Users != UsersHost:
		return bad(fault.Field("Users")+" "+string(c.Users), "either private or host")
	case c.Users == UsersHost && os.Geteuid() != 0:
		return &fault.Error{Class: fault.Usage, Thing: fault.Field("Users") + " host", Cause: "only root can do without a user namespace", Mend: "use " + fault.Field("Users") + " private"}
	case !strings.HasPrefix(c.Dir, "/"):
		return bad(fault.Field("Dir")+" "+c.Dir, "want a path that starts with /")
	case len(c.Hostname) > longestHostname:
		return bad(fault.Field("Hostname")+" "+c.Hostname, "a host name has at most 64 bytes")
	}
	for _, b := range c.Binds {
		if !strings.HasPrefix(b.Target, "/") || path.Clean(b.Target) == "/" {
			return bad(fault.Field("Binds")+" "+b.Source+":"+b.Target, "want a path in the container, such as /data")
		}
	}
	if n := len(c.Binds); n > maxBinds {
		return bad(fault.Field("Binds"), fmt.Sprintf("%d of them; at most %d go", n, maxBinds))
	}
	if err := c.checkStandard(); err != nil {
		return err
	}
	return c.Limits.check()
}

// inWords is a failure of this host's, of which nothing is known but what the kernel says.
func inWords(thing string, err error) *fault.Error {
	var own *fault.Error
	if errors.As(err, &own) {
		return own
	}
	e := &fault.Error{Class: fault.Host, Thing: thing, Err: err}
	if errors.Is(err, syscall.ENOSYS) {
		e.Err = fmt.Errorf("a system call is missing in this kernel, or denied to terem: %w", err)
		e.Mend = "Linux 5.12 or later has all"
	}
	return e
}
