package running

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"terem/internal/fault"
)

// List has the names of all that runs, sorted. What a killed terem left behind is cleared.
func List(root string) ([]string, error) {
	top, err := openRoot(root)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer top.Close()
	entries, err := fs.ReadDir(top.FS(), ".")
	if err != nil {
		return nil, badRoot(root, fault.Reason(err))
	}
	var names []string
	for _, e := range entries {
		if CheckName(e.Name()) != nil || !e.IsDir() {
			continue
		}
		if held, _ := look(top, e.Name()); held { // an error: it is not ours, or has just gone
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// Find is the directory of what runs under a name.
func Find(root, name string) (string, error) {
	if err := CheckName(name); err != nil {
		return "", err
	}
	top, err := openRoot(root)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	held := false
	if err == nil {
		defer top.Close()
		held, err = look(top, name)
	}
	if held {
		return filepath.Join(root, name), nil
	}
	if err == nil || errors.Is(err, os.ErrNotExist) {
		err = errors.New("nothing of yours runs under that name")
	}
	return "", &fault.Error{Class: fault.Usage, Thing: "name " + name, Err: fault.Reason(err), Mend: "see `terem ps`"}
}

// look says whether something runs under a name. What ended without clearing its directory, it clears.
func look(top *os.Root, name string) (held bool, err error) {
	in, err := openIn(top, name)
	if err != nil {
		return false, err
	}
	defer in.Close()
	if held, err = isHeld(in); err == nil && !held {
		clear(top, in, name)
	}
	return held, err
}

// clear removes the directory of something that ended without doing so. If somebody takes the name meanwhile, it is his.
func clear(top, in *os.Root, name string) {
	lock, err := grab(in, 0)
	if err != nil {
		return
	}
	defer lock.Close()
	d := &Dir{Name: name, top: top, in: in, lock: lock}
	_ = d.remove() // the next one who looks tries again
}
