package main

import (
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// workPrefix begins the names of directories in which a run has its initramfs, its test binaries and its emulators' files.
const workPrefix = "terem-hardware-"

// workDir makes a directory for this run below tmp, and removes those of runs that were killed: their files are large.
// A run holds a lock on its directory, which ends with it.
func workDir(tmp string) (dir string, done func(), err error) {
	sweep(tmp)
	if dir, err = os.MkdirTemp(tmp, workPrefix); err != nil {
		return "", nil, err
	}
	lock, err := lockDir(dir)
	if err != nil {
		os.RemoveAll(dir)
		return "", nil, err
	}
	return dir, func() {
		os.RemoveAll(dir)
		lock.Close()
	}, nil
}

// sweep leaves alone what is locked, or so young that it may be just about to be.
func sweep(tmp string) {
	const young = time.Minute
	old, _ := filepath.Glob(filepath.Join(tmp, workPrefix+"*")) // the pattern is a good one
	for _, dir := range old {
		st, err := os.Lstat(dir)
		if err != nil || !st.IsDir() || time.Since(st.ModTime()) < young {
			continue
		}
		if lock, err := lockDir(dir); err == nil {
			os.RemoveAll(dir) // another user's stays
			lock.Close()
		}
	}
}

func lockDir(dir string) (*os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
