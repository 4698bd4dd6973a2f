package disk

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"terem/internal/fault"
	"terem/internal/vm/disk/qcow2"
)

// Facts are what an image says of itself.
type Facts struct {
	Path      string        `json:"path"`
	Format    string        `json:"format"`    // "raw", "qcow2" or "overlay"
	Size      int64         `json:"size"`      // of the disk, bytes
	FileSize  int64         `json:"file_size"` // bytes
	Allocated int64         `json:"allocated"` // what the file takes up, bytes; 0 for a device
	Device    bool          `json:"device,omitempty"`
	Qcow2     *Qcow2Facts   `json:"qcow2,omitempty"`
	Overlay   *OverlayFacts `json:"overlay,omitempty"`
}

// Qcow2Facts are of a qcow2 image.
type Qcow2Facts struct {
	Version     uint32 `json:"version"`
	ClusterSize int64  `json:"cluster_size"` // bytes
	Compression string `json:"compression"`
	Snapshots   uint32 `json:"snapshots"`
	Dirty       bool   `json:"dirty"` // it was not closed properly
}

// OverlayFacts are of an overlay.
type OverlayFacts struct {
	Base        string `json:"base"` // a hint: where it was when the overlay was made
	BaseFormat  string `json:"base_format"`
	ClusterSize int64  `json:"cluster_size"` // bytes
	Clusters    int64  `json:"clusters"`
	Changed     int64  `json:"changed"` // clusters that are in the overlay
}

// Inspect looks at an image, whoever has it locked. Its errors are *fault.Error.
func Inspect(path string) (*Facts, error) {
	im, err := openImage(path, access{nolock: true})
	if err != nil {
		return nil, err
	}
	defer im.Close()
	f, err := im.facts()
	var said *fault.Error
	if err != nil && !errors.As(err, &said) {
		err = &fault.Error{Class: fault.Usage, Thing: "disk " + path, Err: err}
	}
	return f, err
}

func (im *image) facts() (*Facts, error) {
	var st unix.Stat_t
	if err := unix.Fstat(im.file.fd, &st); err != nil {
		return nil, err
	}
	f := &Facts{Path: im.path, Size: im.file.size, FileSize: im.file.size, Allocated: st.Blocks * 512, Device: im.isDevice}
	var err error
	f.Format, err = probe(im)
	switch f.Format {
	case formatQcow2:
		err = f.qcow2(im)
	case formatOverlay:
		err = f.overlay(im)
	case formatRaw:
		err = im.checkSize()
	}
	return f, err
}

func (f *Facts) qcow2(im *image) error {
	q, err := qcow2.Open(im.store, nil) // its data are not read
	if err != nil {
		return err
	}
	f.Size = q.Size()
	f.Qcow2 = &Qcow2Facts{Version: q.Version, ClusterSize: 1 << q.ClusterBits, Compression: q.Compression, Snapshots: q.Snapshots, Dirty: q.Dirty}
	return nil
}

func (f *Facts) overlay(im *image) error {
	o, err := loadOverlay(im.store)
	if err != nil {
		return err
	}
	f.Size = o.size
	f.Overlay = &OverlayFacts{Base: o.mark.path, BaseFormat: o.mark.format.String(), ClusterSize: o.cluster(), Clusters: o.clusters(), Changed: o.bits.count()}
	return nil
}

// Check looks for contradictions in the structure of an image: what is wrong, a line
// each, and what is odd but harmless. Its errors are *fault.Error.
func Check(ctx context.Context, path string) (problems, notes []string, err error) {
	im, err := openImage(path, access{})
	if err != nil {
		return nil, nil, err
	}
	defer im.Close()
	format, err := probe(im)
	if err == nil && format == formatQcow2 {
		problems, notes, err = checkQcow2(ctx, im)
	} else if err == nil {
		_, err = im.facts()
	}
	if errors.Is(err, ErrOverlay) || errors.Is(err, qcow2.ErrCorrupt) {
		return append(problems, err.Error()), notes, nil
	}
	if ctx.Err() != nil {
		return nil, nil, &fault.Error{Class: fault.Host, Thing: "check " + path, Cause: "interrupted"}
	}
	var said *fault.Error
	if err != nil && !errors.As(err, &said) {
		err = &fault.Error{Class: fault.Usage, Thing: "disk " + path, Err: err}
	}
	return problems, notes, err
}

func checkQcow2(ctx context.Context, im *image) (problems, notes []string, err error) {
	q, err := qcow2.Open(im.store, nil) // its data are not read
	if err != nil {
		return nil, nil, err
	}
	r, err := qcow2.Check(ctx, q)
	if err != nil {
		return nil, nil, err
	}
	problems = r.Problems
	if r.More > 0 {
		problems = append(problems, fmt.Sprintf("%d more problems", r.More))
	}
	if q.Dirty {
		notes = append(notes, "it was not closed properly, so its refcounts may be wrong; terem does not use them")
	}
	if r.Leaks > 0 {
		notes = append(notes, fmt.Sprintf("%d clusters of the file are lost; that is harmless, and `qemu-img check -r leaks` frees them", r.Leaks))
	}
	return problems, notes, nil
}
