package running

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"terem/internal/fault"
)

// RootVar names another place for the directories, in the environment.
const RootVar = "TEREM_RUNTIME_DIR"

// Root is the directory above those of all that this user runs.
func Root() string {
	if dir := os.Getenv(RootVar); dir != "" {
		return dir
	}
	if os.Geteuid() == 0 {
		return "/run/terem"
	}
	if dir := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "terem")
	}
	return filepath.Join(os.TempDir(), "terem-"+strconv.Itoa(os.Geteuid()))
}

// makeRoot makes the directory above all, and opens it.
func makeRoot(root string) (*os.Root, error) {
	if err := os.Mkdir(root, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, badRoot(root, fault.Reason(err))
	}
	return openRoot(root)
}

// openRoot opens the directory above all. In /tmp, anybody may have made it before us: what is in another's is his, and links
// of his lead anywhere.
func openRoot(root string) (*os.Root, error) {
	top, err := openOurs(root, os.Lstat, os.OpenRoot)
	if err != nil {
		return nil, badRoot(root, err)
	}
	return top, nil
}

func badRoot(root string, err error) error {
	return &fault.Error{Class: fault.Host, Thing: "directory " + root, Err: err, Mend: "name another one in " + RootVar}
}

// openIn opens the directory of a name.
func openIn(top *os.Root, name string) (*os.Root, error) {
	return openOurs(name, top.Lstat, top.OpenRoot)
}

// errChanged counts as "not there": what was there is not any more.
var errChanged = fmt.Errorf("it changed while it was opened: %w", os.ErrNotExist)

// openOurs opens a directory that is ours. It is never a link: it is what lstat sees.
func openOurs(name string, lstat func(string) (os.FileInfo, error), open func(string) (*os.Root, error)) (*os.Root, error) {
	named, err := lstat(name)
	if err != nil {
		return nil, fault.Reason(err)
	}
	if err := checkOurs(named); err != nil {
		return nil, err
	}
	dir, err := open(name)
	if err != nil {
		return nil, fault.Reason(err)
	}
	if opened, err := dir.Stat("."); err != nil || !os.SameFile(named, opened) {
		return nil, errors.Join(errChanged, dir.Close())
	}
	return dir, nil
}

// checkOurs refuses what is no directory, what is another's, and what others may write to.
func checkOurs(info os.FileInfo) error {
	st, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !info.IsDir():
		return errors.New("it is not a directory")
	case !ok || int(st.Uid) != os.Geteuid():
		return fmt.Errorf("it belongs to user %d", st.Uid)
	case info.Mode().Perm()&0o022 != 0:
		return errors.New("others may write to it")
	}
	return nil
}
