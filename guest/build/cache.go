package build

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"terem/guest"
)

// workPrefix begins the name of a directory in which a build goes on.
const workPrefix = "tmp-"

// slot is a place in the cache: the directory that a finished build gets.
type slot struct {
	root, name string
}

func (s slot) dir() string { return filepath.Join(s.root, s.name) }

func (s slot) filled() bool {
	_, err := os.Stat(filepath.Join(s.dir(), guest.FileManifest))
	return err == nil
}

// fill runs work in a work directory and renames its out directory into place. While another process
// builds, it waits; if that one filled the slot, nothing is left to do.
func (s slot) fill(log io.Writer, m *guest.Manifest, work func(dir, out string) error) error {
	if s.filled() {
		return nil
	}
	unlock, err := lock(s.root, log)
	if err != nil {
		return err
	}
	defer unlock()
	if s.filled() {
		return nil
	}
	if err := removeDead(s.root); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(s.root, workPrefix)
	if err != nil {
		return fmt.Errorf("make a work directory: %w", err)
	}
	defer os.RemoveAll(dir)
	return s.publish(dir, m, work)
}

func (s slot) publish(dir string, m *guest.Manifest, work func(dir, out string) error) error {
	out := filepath.Join(dir, "out")
	if err := os.Mkdir(out, 0o755); err != nil {
		return fmt.Errorf("make a work directory: %w", err)
	}
	if err := work(dir, out); err != nil {
		return err
	}
	b, err := json.MarshalIndent(m, "", "\t")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(out, guest.FileManifest), b, 0o644); err != nil {
		return fmt.Errorf("write the manifest: %w", err)
	}
	// Without its manifest a directory is none of ours: it would be in the way of the rename.
	if err := os.RemoveAll(s.dir()); err != nil {
		return fmt.Errorf("clear %s: %w", s.dir(), err)
	}
	if err := os.Rename(out, s.dir()); err != nil {
		return fmt.Errorf("publish the build: %w", err)
	}
	return nil
}

// lock takes the lock of a cache directory. The kernel drops it when the process ends, however it ends.
func lock(root string, log io.Writer) (unlock func(), err error) {
	if err := os.MkdirAll(root, 0o755); err != nil {
		return nil, fmt.Errorf("make the cache directory: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(root, "lock"), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("lock the cache: %w", err)
	}
	fd := int(f.Fd())
	err = unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		fmt.Fprintf(log, "guest: another build holds %s; waiting for it\n", f.Name())
		for err = unix.EINTR; errors.Is(err, unix.EINTR); {
			err = unix.Flock(fd, unix.LOCK_EX)
		}
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	return func() { f.Close() }, nil
}

// removeDead removes the work directories of builds that did not end. The caller holds the lock, so none of
// them is alive.
func removeDead(root string) error {
	dirs, err := filepath.Glob(filepath.Join(root, workPrefix+"*"))
	if err != nil {
		return err
	}
	for _, d := range dirs {
		if err := os.RemoveAll(d); err != nil {
			return fmt.Errorf("remove what an interrupted build left: %w", err)
		}
	}
	return nil
}
