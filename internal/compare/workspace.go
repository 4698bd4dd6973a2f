package compare

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/sys/unix"

	"terem/guest"
	"terem/internal/compare/spawn"
	"terem/internal/compare/target"
	"terem/internal/fault"
)

// dataSize is the size of the data file, in bytes.
const dataSize = 64 << 20

// hybridMount is where a host with both versions of cgroups has the second. crun and
// runsc refuse such hosts, until it is out of sight.
const hybridMount = "/sys/fs/cgroup/unified"

func newWorkspace(o Options) (*target.Workspace, error) {
	a, err := guest.FindInitrd(o.CacheDir)
	if err != nil {
		return nil, &fault.Error{Class: fault.Host, Thing: "the program and its root file system", Err: err}
	}
	dir, err := os.MkdirTemp("", "terem-compare-")
	if err != nil {
		return nil, &fault.Error{Class: fault.Host, Thing: "a directory for the comparison", Err: err, Mend: "set TMPDIR"}
	}
	var st unix.Statfs_t
	if unix.Statfs(dir, &st) == nil && st.Flags&unix.ST_NOEXEC != 0 {
		os.Remove(dir)
		return nil, &fault.Error{Class: fault.Host, Thing: filepath.Dir(dir), Err: errors.New("no program may run from there (noexec)"),
			Mend: "set TMPDIR to a directory from which programs may run"}
	}
	w := &target.Workspace{ID: "terem-compare-" + token(), Dir: dir, Root: filepath.Join(dir, "root"), Terem: o.Terem, CPUs: runtime.NumCPU()}
	err = guest.ExtractRoot(a.Initrd, w.Root)
	if err == nil {
		err = os.Chmod(dir, 0o755) // a container's user must get to the root file system
	}
	if err == nil {
		w.Host, err = newHost(w.ID)
	}
	if err != nil {
		os.RemoveAll(dir)
		return nil, &fault.Error{Class: fault.Host, Thing: "the root file system in " + dir, Err: err, Mend: "TMPDIR can name another place"}
	}
	return w, nil
}

// token tells one comparison's things from another's.
func token() string {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

func newHost(id string) (*spawn.Host, error) {
	env := []string{marker + id}
	if os.Getuid() != 0 {
		return spawn.NewHost(env, false)
	}
	var st unix.Statfs_t
	if unix.Statfs(hybridMount, &st) == nil && st.Type == unix.CGROUP2_SUPER_MAGIC {
		return spawn.NewHost(env, true, hybridMount)
	}
	return spawn.NewHost(env, true)
}

// dataFile makes the file that disk measures read, of bytes that do not compress.
func (c *comparison) dataFile() (string, error) {
	if c.data != "" {
		return c.data, nil
	}
	name := filepath.Join(c.w.Dir, "data.img")
	f, err := os.Create(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if _, err := io.CopyN(f, rand.Reader, dataSize); err != nil {
		return "", fmt.Errorf("write %s: %w", name, err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return "", fmt.Errorf("write %s: %w", name, err)
	}
	c.data = name
	return name, nil
}

func (c *comparison) closeWorkspace() error {
	c.w.Host.Close()
	return errors.Join(os.RemoveAll(c.w.Dir), removeGroups(c.w.ID))
}

// removeGroups takes away the cgroups whose names begin with an ID, below each hierarchy's
// root, and their children: runtimes leave the parent that they were told to use.
func removeGroups(id string) error {
	var errs []error
	for _, pattern := range []string{"/sys/fs/cgroup/*/" + id + "*", "/sys/fs/cgroup/" + id + "*"} {
		tops, err := filepath.Glob(pattern)
		errs = append(errs, err)
		for _, top := range tops {
			errs = append(errs, removeGroup(top))
		}
	}
	return errors.Join(errs...)
}

// removeGroup removes an empty cgroup, its children first.
func removeGroup(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() {
			if err := removeGroup(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return unix.Rmdir(dir)
}
