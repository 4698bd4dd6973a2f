package snapshot

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"

	"terem/internal/fault"
)

var (
	errNotSnapshot = errors.New("it is not a snapshot")
	errExchange    = errors.New("its file system cannot put one directory in the place of another in one step")
)

// cannotMake is what the user is told when a snapshot cannot be made.
func cannotMake(dir string, err error) error {
	return told(err, func(e *fault.Error) {
		e.Thing = "make snapshot " + dir
		switch {
		case errors.Is(err, errGone), errors.Is(err, errChain):
			e.Class, e.Mend = fault.Usage, "take a whole one, without "+fault.Field("Diff")
		case errors.Is(err, errOwnChain):
			e.Class, e.Mend = fault.Usage, "name another directory"
		case errors.Is(err, fs.ErrExist):
			e.Class, e.Err, e.Cause, e.Mend = fault.Usage, nil, "it exists", "name another directory, or replace it with "+fault.Field("Force")
		case errors.Is(err, errNotSnapshot):
			e.Class, e.Mend = fault.Usage, "name another directory"
		case errors.Is(err, errExchange):
			e.Class, e.Mend = fault.Usage, "remove it first, or name another"
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission), errors.Is(err, unix.ENOTDIR), errors.Is(err, unix.EROFS):
			e.Class, e.Mend = fault.Usage, "name one in a directory that you may write to"
		case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
			e.Mend = "make room"
		case errors.Is(err, unix.EFBIG):
			e.Class, e.Mend = fault.Usage, "raise `ulimit -f`, or name one in a file system with larger files"
		}
	})
}

// cannotOpen is what the user is told when a snapshot is none, or not whole.
func cannotOpen(dir string, err error) error {
	return told(err, func(e *fault.Error) {
		var version errVersion
		var parent *parentError
		e.Class, e.Thing, e.Mend = fault.Usage, "snapshot "+dir, "make it anew"
		switch {
		case errors.As(err, &parent):
			e.Mend = "bring back the one of which it is the difference"
		case errors.Is(err, errNotSnapshot), errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENOTDIR):
			e.Mend = "name a directory that `terem snapshot` has made"
		case errors.Is(err, fs.ErrPermission):
			e.Mend = "it takes who made it, or root"
		case errors.As(err, &version) && version > VersionDiff:
			e.Mend = "take the terem that made it, or a newer one"
		}
	})
}

// then is err, and what failed when its mess was cleared up.
func then(err, clearing error) error {
	if clearing == nil {
		return err
	}
	return fmt.Errorf("%w, and then %w", err, clearing)
}

// told makes an error one for the user. What he called off is no fault.
func told(err error, words func(*fault.Error)) error {
	var said *fault.Error
	if err == nil || errors.As(err, &said) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	e := &fault.Error{Class: fault.Host, Err: fault.Reason(err)}
	words(e)
	return e
}
