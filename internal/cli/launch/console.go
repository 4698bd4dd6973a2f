package launch

import (
	"errors"
	"io/fs"
	"os"

	"terem/internal/fault"
)

// console is where the guest's output goes.
type console struct {
	*os.File      // nil: nowhere
	own      bool // a file of its own, not standard output
	created  bool // which was not there before
}

// openConsole opens what --console names. A file that is there keeps its content
// until begin: the rest of the command line may be wrong yet.
func openConsole(o *Options) (console, error) {
	switch {
	case o.stdio():
		return console{File: o.Stdout}, nil
	case o.Console == "none":
		return console{}, nil
	}
	if o.Decoders.Kernel == nil && opensOnce(o.Console) {
		return console{}, errOpensOnce
	}
	const write, permissions = os.O_WRONLY, 0o666
	f, err := os.OpenFile(o.Console, write|os.O_CREATE|os.O_EXCL, permissions)
	created := err == nil
	if errors.Is(err, fs.ErrExist) {
		f, err = os.OpenFile(o.Console, write|os.O_CREATE, permissions) // a link may lead to nothing
	}
	if err == nil {
		err = notDevice(f)
	}
	if err != nil {
		return console{}, &fault.Error{Class: fault.Usage, Thing: fault.Field("Console") + " " + o.Console, Err: fault.Reason(err),
			Mend: "use stdio, none, or a file that can be written"}
	}
	return console{File: f, own: true, created: created}, nil
}

// opensOnce says whether opening a file does something: whoever reads a pipe takes the first close for its end.
func opensOnce(path string) bool {
	st, err := os.Stat(path)
	return err == nil && !st.Mode().IsRegular()
}

// notDevice refuses a block device, which a log would destroy.
func notDevice(f *os.File) error {
	st, err := f.Stat()
	if err == nil && st.Mode()&(fs.ModeDevice|fs.ModeCharDevice) == fs.ModeDevice {
		f.Close() // nothing was written
		return errors.New("a block device, whose content would be lost")
	}
	return err
}

// begin empties a file; a pipe or a device has nothing to empty.
func (c console) begin() error {
	if !c.own {
		return nil
	}
	st, err := c.Stat()
	if err == nil && st.Mode().IsRegular() {
		err = c.Truncate(0)
	}
	return err
}

// end closes a file, and takes it away if it was made for a guest that never ran.
func (c console) end(begun bool) {
	if !c.own {
		return
	}
	c.Close() // a write that failed was reported when it was made
	if c.created && !begun {
		os.Remove(c.Name())
	}
}
