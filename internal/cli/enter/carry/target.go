package carry

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"terem/internal/fault"
)

// target is where an archive goes: a name in a directory that is held open, or "." for that directory itself.
type target struct {
	dir    *os.Root
	name   string
	folder bool // the user wants a directory: he ended the name with a slash
}

// findTarget finds the place that the user named: into a directory that is there, under the name base. A link to a directory may
// be one that a guest sent before: it is followed if the user ends it with a slash, which lstat(2) heeds.
func findTarget(to, base string) (target, error) {
	refuse := func(cause, mend string) (target, error) {
		return target{}, &fault.Error{Class: fault.Usage, Thing: to, Cause: cause, Mend: mend}
	}
	clean := filepath.Clean(to)
	dir, name, folder := filepath.Dir(clean), filepath.Base(clean), false
	there, err := os.Lstat(to)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		folder = strings.HasSuffix(to, "/") || strings.HasSuffix(to, "/.")
	case err != nil:
		return target{}, reason(err)
	case there.IsDir():
		dir, name = to, base
	default:
		leads, err := os.Stat(to)
		switch {
		case isStream(to, leads):
			return refuse("it is neither a file nor a directory", "copy to "+Stream+" for an archive on standard output")
		case err == nil && leads.IsDir():
			return refuse("it is a link to a directory", "end it with a slash to follow it")
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return target{}, reason(err)
	}
	return target{root, name, folder}, nil
}

// isStream says whether a name stands for a device, a pipe or a descriptor, as /dev/stdout does: a link into /proc.
func isStream(to string, leads fs.FileInfo) bool {
	link, _ := os.Readlink(to)
	return strings.HasPrefix(link, "/proc/") || leads != nil && !leads.IsDir() && !leads.Mode().IsRegular()
}

// open makes the directory of that name unless it is there, and opens it.
func (t target) open() (*os.Root, error) {
	if t.name == "." {
		return t.dir.OpenRoot(".")
	}
	if err := t.dir.Mkdir(t.name, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, about(t.name, err)
	}
	named, err := t.dir.Lstat(t.name)
	if err != nil {
		return nil, about(t.name, err)
	}
	if !named.IsDir() {
		return nil, inTheWay(t.name, named)
	}
	root, err := t.dir.OpenRoot(t.name)
	if err != nil {
		return nil, about(t.name, err)
	}
	if opened, err := root.Stat("."); err != nil || !os.SameFile(named, opened) {
		return nil, errors.Join(about(t.name, errors.New("it changed while it was opened")), root.Close())
	}
	return root, nil
}
