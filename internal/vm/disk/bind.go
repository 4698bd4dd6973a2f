package disk

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"terem/internal/fault"
	"terem/internal/vm/machine"
)

// top is an overlay and the file it is in.
type top struct {
	*overlay
	image *image
	made  bool // it was not there before
}

// openOverlay opens s.Overlay as a says in front of base, or makes it. If it fails,
// base stays open.
func openOverlay(s *Spec, a access, im *image, base store, format string) (top, error) {
	if base.Size() > maxVirtual {
		return top{}, &fault.Error{Class: fault.Usage, Thing: "disk " + s.Path,
			Cause: "more than " + machine.Bytes(maxVirtual) + " are too much for an overlay", Mend: "use it without one"}
	}
	mark, err := markOf(im, format)
	if err != nil {
		return top{}, &fault.Error{Class: fault.Usage, Thing: "disk " + s.Path, Err: err}
	}
	_, err = os.Stat(s.Overlay)
	made := errors.Is(err, fs.ErrNotExist) && !s.ReadOnly
	if made {
		if err := createOverlay(s.Overlay, &header{shift: clusterBits, size: base.Size(), mark: mark}); err != nil {
			return top{}, err
		}
	}
	a.thing = "overlay"
	f, err := openImage(s.Overlay, a)
	if err != nil {
		return top{}, err
	}
	o, err := loadOverlay(f.store)
	if err == nil {
		err = o.bind(s, base.Size(), &mark)
	}
	if err != nil {
		f.Close()
		var said *fault.Error
		if !errors.As(err, &said) {
			err = &fault.Error{Class: fault.Usage, Thing: "overlay " + s.Overlay, Err: err,
				Mend: "see `terem disk check`, or name another overlay"}
		}
		return top{}, err
	}
	o.base, o.readOnly = base, s.ReadOnly
	return top{o, f, made}, nil
}

// loadOverlay reads header and bitmap.
func loadOverlay(s store) (*overlay, error) {
	h, err := readHeader(s)
	if err != nil {
		return nil, err
	}
	o := &overlay{header: *h, file: s, bits: newBitmap(h.clusters())}
	return o, o.bits.load(s)
}

// readHeader reads the header and compares it with the file it is in.
func readHeader(s store) (*header, error) {
	if s.Size() < headerSize {
		return nil, fmt.Errorf("%w: it ends within its header", ErrOverlay)
	}
	b := make([]byte, headerSize)
	if err := s.ReadVec([][]byte{b}, 0); err != nil {
		return nil, err
	}
	h, err := decodeHeader(b)
	if err != nil {
		return nil, err
	}
	if s.Size() < h.fileSize() {
		return nil, fmt.Errorf("%w: its file has %d bytes of %d", ErrOverlay, s.Size(), h.fileSize())
	}
	return h, nil
}

// bind refuses a base that is not the one the overlay was made on.
func (h *header) bind(s *Spec, size int64, now *baseMark) error {
	was := &h.mark
	bad := func(cause, mend string) error {
		return &fault.Error{Class: fault.Usage, Thing: "overlay " + s.Overlay, Cause: cause, Mend: mend}
	}
	other := "it was made on another base than " + s.Path
	name := "name that one, or another overlay"
	if was.path != "" {
		name = fmt.Sprintf("its base was %s; ", was.path) + name
	}
	switch {
	case was.format != now.format:
		return bad(fmt.Sprintf("%s (%s, and this is %s)", other, was.format, now.format), name)
	case was.size != now.size || h.size != size:
		return bad(fmt.Sprintf("%s (%d bytes, and this has %d)", other, was.size, now.size), name)
	case was.sample != now.sample:
		return bad(other+", or that was changed since (its contents differ)", name)
	case was.mtime != now.mtime:
		return bad(fmt.Sprintf("%s was changed at %s, after the overlay was made on it", s.Path, when(now.mtime)),
			fmt.Sprintf("make a new overlay; if this is a mere copy, give it the time of the original: touch -d @%d.%09d %s",
				was.mtime/1e9, was.mtime%1e9, s.Path))
	}
	return nil
}

// Samples of a base that go into its mark: both ends, where file systems and
// partition tables keep what changes with each mount, and blocks in between.
const (
	sampleEnd    = 1 << 20
	sampleBlock  = 4096
	sampleBlocks = 64
)

// markOf is what an overlay remembers of its base.
func markOf(im *image, format string) (baseMark, error) {
	m := baseMark{size: im.file.size, mtime: im.mtime, format: baseRaw, path: im.path}
	if format == formatQcow2 {
		m.format = baseQcow2
	}
	if abs, err := filepath.Abs(im.path); err == nil {
		m.path = abs
	}
	sum := sha256.New()
	buf := make([]byte, sampleBlock)
	sample := func(off, n int64) error {
		for end := min(off+n, m.size); off < end; off += int64(len(buf)) {
			buf = buf[:min(sampleBlock, end-off)]
			if err := im.store.ReadVec([][]byte{buf}, off); err != nil {
				return err
			}
			sum.Write(buf)
		}
		return nil
	}
	if err := sample(0, sampleEnd); err != nil {
		return m, err
	}
	for i := int64(1); i <= sampleBlocks; i++ {
		at := m.size / (sampleBlocks + 1) * i &^ (sampleBlock - 1)
		if err := sample(at, sampleBlock); err != nil {
			return m, err
		}
	}
	if err := sample(max(0, m.size-sampleEnd), sampleEnd); err != nil {
		return m, err
	}
	sum.Sum(m.sample[:0])
	return m, nil
}

// createOverlay makes an overlay that has no cluster. The bitmap is written out, so
// that a full file system cannot be in the way of a flush.
func createOverlay(path string, h *header) error {
	return Create(path, false, func(f *os.File) error {
		if _, err := f.Write(h.encode()); err != nil {
			return err
		}
		for left := h.bitmapBytes(); left > 0; {
			n, err := f.Write(zeros[:min(left, zeroSize)])
			if err != nil {
				return err
			}
			left -= int64(n)
		}
		return f.Truncate(h.fileSize())
	})
}

// lonelyOverlay is the error for an overlay that is given as a base.
func lonelyOverlay(im *image) error {
	mend := "name its base: " + fault.Field("Disks") + " BASE,overlay=" + im.path
	if h, err := readHeader(im.store); err == nil && h.mark.path != "" {
		mend = fmt.Sprintf("name its base: %s %s,overlay=%s", fault.Field("Disks"), h.mark.path, im.path)
	}
	return &fault.Error{Class: fault.Usage, Thing: "disk " + im.path, Cause: "it is an overlay, which has only what was changed", Mend: mend}
}
