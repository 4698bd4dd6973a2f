package disk

import (
	"errors"
	"io"
	"sync"

	"golang.org/x/sys/unix"

	"terem/internal/fault"
	"terem/internal/vm/disk/qcow2"
)

// reporter tells the user of the first error of each kind.
type reporter struct {
	name string
	tell func(error)
	mu   sync.Mutex
	seen map[unix.Errno]bool
}

// Kinds of errors that are no errno of the host.
const (
	kindShort   unix.Errno = 1<<16 + iota // the file ends early
	kindCorrupt                           // the image contradicts itself
	kindOther
)

// note passes err on, and tells of it if it is the first of its kind.
func (r *reporter) note(err error) error {
	if err == nil || r.tell == nil {
		return err
	}
	kind := kindOf(err)
	r.mu.Lock()
	first := !r.seen[kind]
	r.seen[kind] = true
	r.mu.Unlock()
	if first {
		r.tell(&fault.Error{Class: fault.Host, Thing: "disk " + r.name, Err: plain(kind, err), Mend: outlook(kind)})
	}
	return err
}

func kindOf(err error) unix.Errno {
	var errno unix.Errno
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return kindShort
	case errors.Is(err, qcow2.ErrCorrupt):
		return kindCorrupt
	case errors.As(err, &errno):
		return errno
	}
	return kindOther
}

func plain(kind unix.Errno, err error) error {
	if kind == kindShort {
		return errors.New("the file is shorter than when it was opened")
	}
	return err
}

// outlook is what a kind of error means for the guest.
func outlook(kind unix.Errno) string {
	switch kind {
	case unix.ENOSPC:
		return "the guest sees I/O errors until there is some"
	case unix.EDQUOT:
		return "the guest sees I/O errors until the quota allows more"
	case unix.EFBIG:
		return "the guest sees I/O errors; raise `ulimit -f`"
	case unix.EIO:
		return "the guest sees I/O errors; `dmesg` may say what is wrong with the medium"
	case unix.EROFS:
		return "the guest sees I/O errors; mount the file system for writing"
	case kindShort:
		return "the guest sees I/O errors where it ends; do not truncate an image that is in use"
	case kindCorrupt:
		return "the guest sees I/O errors; see `terem disk check`"
	}
	return "the guest sees I/O errors"
}
