package container

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"terem/internal/fault"

	"golang.org/x/sys/unix"
)

// start is a container on its way.
type start struct {
	c          Config
	privileged bool // started by root
	mounted    bool // the next two are there: the root and what is bound into it
	tree       mount
	binds      []mount
	standard   [len(standard{})]mount // where shown says so: standard files as they are to be in /dev
	shown      standard
	owners     owners   // what a file of root's has in a copy
	inside     *os.File // the first stage's end of the pair of sockets
	outside    *os.File
	null       *os.File // in place of standard files that were not given
	born       *os.File // the group of cgroup v2 in which the first stage is to be born
	k          *Container
}

// Start runs a program in a container. Whoever calls it calls Wait as well. An error is an
// *fault.Error: its status says whose fault it was. When ctx is done, before or after Start
// returns, the container is killed.
func Start(ctx context.Context, c Config) (*Container, error) {
	if err := c.fill(); err != nil {
		return nil, err
	}
	s := &start{c: c, privileged: os.Geteuid() == 0}
	s.k = &Container{exited: make(chan struct{}), groups: &groups{}}
	defer s.close()
	err := s.steps(ctx)
	if err == nil {
		err = ctx.Err()
	}
	if err == nil {
		return s.k, nil
	}
	s.k.abandon()
	return nil, inWords("container", err)
}

func (s *start) steps(ctx context.Context) error {
	if err := s.openRoot(); err != nil {
		return err
	}
	if err := s.openFiles(); err != nil {
		return err
	}
	if err := s.begin(); err != nil {
		return err
	}
	s.k.stopWatching = context.AfterFunc(ctx, func() { _ = s.k.Kill() })
	if err := s.shiftOwners(ctx); err != nil {
		return err
	}
	if err := s.openStandard(); err != nil {
		return err
	}
	if err := s.instruct(); err != nil {
		return err
	}
	return s.await()
}

// openRoot takes a mount of the root directory. An ordinary user may not, and leaves it to
// the first stage, which has the right in its own namespaces.
func (s *start) openRoot() error {
	st, err := os.Stat(s.c.Root)
	if err == nil && !st.IsDir() {
		err = unix.ENOTDIR
	}
	if path, ok := errors.AsType[*os.PathError](err); ok {
		err = path.Err
	}
	if err != nil {
		return &fault.Error{Class: fault.Usage, Thing: fault.Field("Root") + " " + shown(s.c.Root), Err: err, Mend: "name a directory that holds a root file system"}
	}
	if !s.privileged {
		return s.resolve()
	}
	s.tree, s.binds, err = cloneTrees(s.c.Root, s.c.Binds, 0)
	s.mounted = err == nil
	return err
}

// resolve follows links now that only this process can: those to its descriptors.
func (s *start) resolve() error {
	var err error
	if s.c.Root, err = filepath.EvalSymlinks(s.c.Root); err != nil {
		return &fault.Error{Class: fault.Usage, Thing: fault.Field("Root"), Err: err, Mend: "name a directory that holds a root file system"}
	}
	s.c.Binds = slices.Clone(s.c.Binds)
	for i := range s.c.Binds {
		if s.c.Binds[i].Source, err = filepath.EvalSymlinks(s.c.Binds[i].Source); err != nil {
			return &fault.Error{Class: fault.Usage, Thing: fault.Field("Binds"), Err: err, Mend: "name a file or directory of this host"}
		}
	}
	return nil
}

// shiftOwners shows the files of the root in the numbers of the new user namespace, or
// a copy of them. What is bound is shared with the host, so a copy would not do: it stays
// as it is, and the container has the rights there that everybody has.
func (s *start) shiftOwners(ctx context.Context) error {
	if !s.mounted || s.c.Users == UsersHost {
		return nil
	}
	err := shiftOwners(s.tree, s.k.process.Pid)
	if errors.Is(err, errNoShift) {
		err = s.copyRoot(ctx)
	}
	for i, b := range s.c.Binds {
		if err != nil {
			return err
		}
		if err = shiftOwners(s.binds[i], s.k.process.Pid); errors.Is(err, errNoShift) {
			s.k.note(fmt.Sprintf("bind %s: %v; they are nobody's in the container", b.Source, errNoShift))
			err = nil
		}
	}
	return err
}

// copyRoot puts a copy in the place of the root.
func (s *start) copyRoot(ctx context.Context) error {
	copied, err := copyShifted(ctx, s.tree, s.owners)
	if err != nil {
		return &fault.Error{Class: fault.Host, Thing: fault.Field("Root") + " " + shown(s.c.Root), Err: fmt.Errorf("%w, and to copy it into memory fails: %w", errNoShift, err),
			Mend: "use " + fault.Field("Users") + " host, or a directory on ext4, xfs or btrfs"}
	}
	s.tree.close()
	s.tree, s.k.copied = copied, true
	if !s.c.ReadOnly {
		s.k.note(fmt.Sprintf("root %s: %v; %s, and what it writes there goes with it", s.c.Root, errNoShift, CopiedRoot))
	}
	return nil
}

// openFiles makes the sockets, and finds files for those that were not given.
func (s *start) openFiles() error {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socketpair", err)
	}
	s.outside, s.inside = os.NewFile(uintptr(pair[0]), "outside"), os.NewFile(uintptr(pair[1]), "inside")
	if s.null, err = os.OpenFile(os.DevNull, os.O_RDWR, 0); err != nil {
		return err
	}
	for _, f := range []**os.File{&s.c.Stdin, &s.c.Stdout, &s.c.Stderr} {
		if *f == nil {
			*f = s.null
		}
	}
	return nil
}

// begin makes the control groups and starts the first stage. With cgroup v1 the two go on
// side by side, since the stage joins its groups later; with v2 it is born in its group.
func (s *start) begin() error {
	made := make(chan error, 1)
	go func() {
		g, err := makeGroups(s.c.Limits, s.c.Root)
		if err == nil {
			s.k.groups = g
		}
		made <- err
	}()
	if unified() {
		if err := <-made; err != nil {
			return err
		}
		s.born = s.k.groups.dir
		return s.spawn()
	}
	err := s.spawn()
	return errors.Join(<-made, err)
}

// instruct tells the first stage what to do.
func (s *start) instruct() error {
	c := &s.c
	o := order{
		Argv: c.Argv, Env: c.Env, Dir: c.Dir, Hostname: c.Hostname, ReadOnly: c.ReadOnly,
		Root: c.Root, Binds: c.Binds, Mounted: s.mounted,
		OwnNetwork: c.Network == NetworkNone, OwnUsers: c.Users == UsersPrivate, TTYGroup: s.privileged,
		Writes: c.writesToHost(!s.mounted), Shown: s.shown, TTY: c.TTY, Columns: c.Columns, Rows: c.Rows, PlainOutput: c.PlainOutput, Ceilings: c.Ceilings,
	}
	s.k.home, s.k.privileged = o, s.privileged
	var fds []int
	if s.mounted {
		fds = append(fds, int(s.tree))
		for _, m := range s.binds {
			fds = append(fds, int(m))
		}
	}
	for i, shown := range s.shown {
		if shown {
			fds = append(fds, int(s.standard[i]))
		}
	}
	for _, f := range s.k.groups.tasks {
		fds = append(fds, int(f.Fd()))
	}
	return send(int(s.outside.Fd()), &o, fds...)
}

// await reads what the first stage says, until the program takes its place.
func (s *start) await() error {
	for {
		var r report
		fds, err := receive(int(s.outside.Fd()), &r)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("first stage: %w", err)
		case r.Terminal && len(fds) == 2:
			s.k.hold(fds[1])
			// Reads and writes end when it is closed, if they do not block in the kernel.
			if err := unix.SetNonblock(fds[0], true); err != nil {
				closeAll(fds[:1])
				return err
			}
			s.k.terminal = os.NewFile(uintptr(fds[0]), "terminal")
			continue
		}
		closeAll(fds)
		failure := &fault.Error{Class: r.Class, Thing: r.Thing, Cause: r.Cause, Mend: r.Mend}
		if r.Error != "" {
			failure.Err = errors.New(r.Error)
		}
		return failure
	}
}

func (s *start) close() {
	if s.mounted {
		s.tree.close()
		closeMounts(s.binds)
	}
	s.closeStandard()
	for _, f := range []*os.File{s.inside, s.outside, s.null} {
		if f != nil {
			f.Close()
		}
	}
}
