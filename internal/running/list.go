package running

import (
	"errors"
	"os"
	"path/filepath"

	"terem/internal/fault"
)

// List has the names of all that runs, sorted. What a killed terem left behind is cleared.
func List(root string) ([]string, error) {
	entries, err := os.ReadDir(root)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, &fault.Error{Class: fault.Host, Thing: "directory " + root, Err: reason(err)}
	}
	var names []string
	for _, e := range entries {
		if CheckName(e.Name()) != nil || !e.IsDir() {
			continue
		}
		held, err := isHeld(filepath.Join(root, e.Name(), lockFile))
		if held {
			names = append(names, e.Name())
		} else if err == nil {
			clear(root, e.Name())
		}
	}
	return names, nil
}

// Find is the directory of what runs under a name.
func Find(root, name string) (string, error) {
	if err := CheckName(name); err != nil {
		return "", err
	}
	path := filepath.Join(root, name)
	held, err := isHeld(filepath.Join(path, lockFile))
	if held {
		return path, nil
	}
	if err == nil {
		clear(root, name)
	}
	if err == nil || errors.Is(err, os.ErrNotExist) {
		err = errors.New("nothing of yours runs under that name")
	}
	return "", &fault.Error{Class: fault.Usage, Thing: "name " + name, Err: reason(err), Mend: "see `terem ps`"}
}

// clear removes the directory of something that ended without doing so. If somebody takes the name meanwhile, it is his.
func clear(root, name string) {
	d := &Dir{Name: name, Path: filepath.Join(root, name)}
	lock, err := os.OpenFile(d.File(lockFile), os.O_RDWR, 0)
	if err != nil {
		return
	}
	d.lock = lock
	if hold(lock) != nil || !sameFile(lock, d.File(lockFile)) {
		lock.Close()
		return
	}
	_ = d.Release() // the next one who looks tries again
}
