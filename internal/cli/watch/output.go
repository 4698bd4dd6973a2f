package watch

import (
	"errors"
	"io"
	"os"
	"path/filepath"

	"terem/internal/fault"
)

// output is a file that is there whole in the end, or as it was. What cannot be written is known before the guest runs.
type output struct {
	field, path string
	f           *os.File
	moves       bool // f has another name until it is whole
}

func (o *output) open() error {
	err := o.create()
	if err == nil {
		return nil
	}
	return &fault.Error{Class: fault.Usage, Thing: fault.Field(o.field) + " " + o.path, Err: reason(err), Mend: "name a file that can be written"}
}

var errNoFile = errors.New("not a regular file")

func (o *output) create() (err error) {
	path := o.path
	if to, err := filepath.EvalSymlinks(path); err == nil {
		path = to
	}
	st, err := os.Stat(path)
	switch {
	case err == nil && st.Mode()&os.ModeCharDevice != 0: // /dev/null
		o.f, err = os.OpenFile(path, os.O_WRONLY, 0)
		return err
	case err == nil && !st.Mode().IsRegular():
		return errNoFile
	}
	o.path, o.moves = path, true
	if o.f, err = os.CreateTemp(filepath.Dir(path), ".terem-"); err != nil {
		return err
	}
	mode := os.FileMode(0o600) // a trace has what the guest says and reads
	if st != nil {
		mode = st.Mode().Perm()
	}
	return o.f.Chmod(mode)
}

// write writes the file and gives it its name.
func (o *output) write(content func(io.Writer) error) error {
	err := errors.Join(content(o.f), o.f.Close())
	if err == nil && o.moves {
		err = os.Rename(o.f.Name(), o.path)
	}
	if err != nil {
		o.abandon()
		return &fault.Error{Class: fault.Host, Thing: o.path, Err: reason(err)}
	}
	return nil
}

// abandon leaves all as it was.
func (o *output) abandon() {
	if o.f == nil {
		return
	}
	_ = o.f.Close() // nothing was to be kept
	if o.moves {
		_ = os.Remove(o.f.Name())
	}
}
