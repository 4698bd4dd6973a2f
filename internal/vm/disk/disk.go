package disk

import (
	"bytes"
	"errors"
	"fmt"
	"math/bits"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"terem/internal/fault"
	"terem/internal/vm/disk/qcow2"
)

// Options are what is not in a Spec.
type Options struct {
	// OnError is told of the first host error of each kind, in words for the user. It
	// may be called from any goroutine.
	OnError func(error)
	// Unlocked is for a look at a disk that somebody else may have; with Spec.ReadOnly.
	Unlocked bool
	// Decoder unpacks compressed clusters. Without it an image in a format that has them is ErrNoDecoder.
	Decoder qcow2.NewDecoder
}

// ErrNoDecoder is the error for a qcow2 image where Options has no Decoder.
var ErrNoDecoder = errors.New("no decoder at hand")

// Traits are what a guest is told about a disk.
type Traits struct {
	ReadOnly         bool
	WriteCache       bool   // writes may linger in a cache until a flush
	ID               string // serial number; at most MaxID bytes
	BlockSize        uint32 // logical block, bytes
	PhysicalBlockExp uint8  // a physical block is 1 << exp logical ones
	OptimalIO        uint32 // bytes; 0: not known
	Discard          bool   // a discard gives room back
}

// Disk is an open disk. Its methods may be called from several goroutines at once.
type Disk struct {
	store  store
	traits Traits
	rep    reporter
	once   sync.Once

	decoder qcow2.NewDecoder
	err     error // of Close

	made string   // the overlay that Open has made; "": none
	is   Identity // of that
}

// Open opens and locks what a Spec names. A missing overlay is made. Its errors are
// *fault.Error.
func Open(s Spec, o Options) (*Disk, error) {
	d := &Disk{decoder: o.Decoder, rep: reporter{name: s.Path, tell: o.OnError, seen: map[unix.Errno]bool{}}}
	d.traits = Traits{ReadOnly: s.ReadOnly, WriteCache: s.Cache != Writethrough, ID: s.ID}
	a := access{write: !s.ReadOnly, direct: s.Cache == None, nolock: o.Unlocked && s.ReadOnly}
	base := a
	if s.Overlay != "" {
		base.write, base.direct = false, false
	}
	im, err := openImage(s.Path, base)
	if err != nil {
		return nil, err
	}
	if err := d.build(im, &s, a); err != nil {
		im.Close()
		return nil, err
	}
	return d, nil
}

// build puts the stores together. If it fails, im is the caller's to close.
func (d *Disk) build(im *image, s *Spec, a access) error {
	d.store = im.store
	format, err := probe(im)
	if err != nil {
		return &fault.Error{Class: fault.Usage, Thing: "disk " + s.Path, Err: err}
	}
	switch {
	case format == formatOverlay:
		return lonelyOverlay(im)
	case format == formatQcow2:
		if !s.ReadOnly && s.Overlay == "" {
			return &fault.Error{Class: fault.Usage, Thing: "disk " + s.Path, Cause: "terem only reads qcow2",
				Mend: "add ro, or overlay=PATH for a file that takes the writes"}
		}
		if d.decoder == nil {
			return fmt.Errorf("disk %s: %w", s.Path, ErrNoDecoder)
		}
		q, err := qcow2.Open(im.store, d.decoder)
		if err != nil {
			return &fault.Error{Class: fault.Usage, Thing: "disk " + s.Path, Err: err}
		}
		d.store = readOnly{q, im}
	default:
		if err := im.checkSize(); err != nil {
			return err
		}
	}
	t := &d.traits
	physical := im.physical
	t.BlockSize, t.OptimalIO, t.Discard = im.logical, im.optimal, im.discards && !s.ReadOnly
	if s.Overlay != "" {
		top, err := openOverlay(s, a, im, d.store, format)
		if err != nil {
			return err
		}
		d.store, d.rep.name = top.overlay, s.Overlay
		if top.made {
			d.made, d.is = s.Overlay, IdentifyPath(s.Overlay)
		}
		physical = max(top.image.physical, t.BlockSize)
		t.OptimalIO, t.Discard = uint32(top.cluster()), top.image.discards && !s.ReadOnly
	}
	t.PhysicalBlockExp = uint8(bits.TrailingZeros32(max(physical, t.BlockSize) / t.BlockSize))
	return nil
}

// Formats that an image can have.
const (
	formatRaw     = "raw"
	formatQcow2   = "qcow2"
	formatOverlay = "overlay"
)

// probe tells formats apart by their first bytes. A guest may write such bytes into
// its raw disk: they make it a disk that the next start refuses or shows read-only,
// and never one that reaches another file.
func probe(im *image) (string, error) {
	var b [8]byte
	if im.file.size < sectorSize {
		return formatRaw, nil
	}
	if err := im.file.vecs.move(reading(), im.file.fd, [][]byte{b[:]}, 0); err != nil {
		return "", err
	}
	switch {
	case bytes.HasPrefix(b[:], []byte(qcow2.Magic)):
		return formatQcow2, nil
	case string(b[:]) == overlayMagic:
		return formatOverlay, nil
	}
	return formatRaw, nil
}

// Traits are what the guest is told.
func (d *Disk) Traits() Traits { return d.traits }

// Size is the disk's, in bytes.
func (d *Disk) Size() int64 { return d.store.Size() }

// within refuses a range that is not on the disk.
func (d *Disk) within(off, n int64) error {
	if size := d.store.Size(); off < 0 || n < 0 || off > size || n > size-off {
		return fmt.Errorf("%d bytes at %d are not on a disk of %d: %w", n, off, size, unix.EINVAL)
	}
	return nil
}

func (d *Disk) writable(off, n int64) error {
	if d.traits.ReadOnly {
		return fmt.Errorf("a write to a read-only disk: %w", unix.EPERM)
	}
	return d.within(off, n)
}

// ReadVec fills iov from off on, or fails.
func (d *Disk) ReadVec(iov [][]byte, off int64) error {
	if err := d.within(off, total(iov)); err != nil {
		return err
	}
	return d.rep.note(d.store.ReadVec(iov, off))
}

// WriteVec writes all of iov at off, or fails.
func (d *Disk) WriteVec(iov [][]byte, off int64) error {
	if err := d.writable(off, total(iov)); err != nil {
		return err
	}
	return d.rep.note(d.store.WriteVec(iov, off))
}

// Flush makes every write that has returned outlast a crash.
func (d *Disk) Flush() error {
	if d.traits.ReadOnly {
		return nil
	}
	return d.rep.note(d.store.Flush())
}

// Discard drops n bytes at off: their contents are undefined from now on.
func (d *Disk) Discard(off, n int64) error {
	if err := d.writable(off, n); err != nil {
		return err
	}
	return d.rep.note(d.store.Discard(off, n))
}

// WriteZeroes makes n bytes at off zero; with unmap it may free their room.
func (d *Disk) WriteZeroes(off, n int64, unmap bool) error {
	if err := d.writable(off, n); err != nil {
		return err
	}
	return d.rep.note(d.store.WriteZeroes(off, n, unmap))
}

// Close gives files and locks back. Nothing else may run, or come after it.
func (d *Disk) Close() error {
	d.once.Do(func() { d.err = d.store.Close() })
	return d.err
}

// Unmake closes a disk that nothing was written to, and takes away the overlay that Open has made for it.
func (d *Disk) Unmake() {
	_ = d.Close() // nothing was written
	if d.made != "" && IdentifyPath(d.made).Overlaps(d.is) {
		_ = os.Remove(d.made) // what is left can be used again
	}
}

// readOnly is an image in a format that is only read. It closes the file below.
type readOnly struct {
	*qcow2.Image
	im *image
}

func (readOnly) WriteVec([][]byte, int64) error       { return unix.EROFS }
func (readOnly) Discard(int64, int64) error           { return unix.EROFS }
func (readOnly) WriteZeroes(int64, int64, bool) error { return unix.EROFS }
func (readOnly) Flush() error                         { return nil }
func (r readOnly) Close() error                       { return r.im.Close() }
