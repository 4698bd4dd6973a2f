package image

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"terem/internal/vm/disk"
	"terem/internal/vm/disk/content"
	"terem/internal/vm/disk/qcow2/inflate"
	"terem/internal/vm/machine"
)

// schema is raised when a name of the JSON report changes its meaning.
const schema = 1

// Info is what an image is.
type Info struct {
	Schema int `json:"schema"`
	disk.Facts
	Content *content.Content `json:"content,omitempty"` // nil: it cannot be seen, and Why says why
	Why     string           `json:"why,omitempty"`
}

// Examine finds out what an image is, also while a guest has it. It changes nothing.
func Examine(path string) (*Info, error) {
	f, err := disk.Inspect(path)
	if err != nil {
		return nil, err
	}
	in := &Info{Schema: schema, Facts: *f}
	d, err := disk.Open(spec(f), disk.Options{Unlocked: true, Decoder: inflate.New})
	if err != nil {
		in.Why = err.Error()
		return in, nil
	}
	defer d.Close() // read only
	seen := &reader{d: d}
	c := content.Examine(seen, d.Size())
	if seen.err != nil && c.FileSystem == nil && len(c.Partitions) == 0 {
		in.Why = seen.err.Error()
		return in, nil
	}
	in.Content = &c
	return in, nil
}

// spec opens an image for reading; an overlay on the base it remembers.
func spec(f *disk.Facts) disk.Spec {
	if f.Overlay != nil {
		return disk.Spec{Path: f.Overlay.Base, Overlay: f.Path, ReadOnly: true}
	}
	return disk.Spec{Path: f.Path, ReadOnly: true}
}

// reader is a disk as an io.ReaderAt.
type reader struct {
	d   *disk.Disk
	err error // the first that was not the end of the disk
}

func (r *reader) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off >= r.d.Size() {
		return 0, io.EOF
	}
	n := min(int64(len(p)), r.d.Size()-off)
	if err := r.d.ReadVec([][]byte{p[:n]}, off); err != nil {
		if r.err == nil {
			r.err = err
		}
		return 0, err
	}
	if n < int64(len(p)) {
		return int(n), io.EOF
	}
	return int(n), nil
}

// JSON writes the info as one object.
func (in *Info) JSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(in)
}

// Text writes the info for people.
func (in *Info) Text(w io.Writer) error {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-11s%s\n", name, fmt.Sprintf(format, args...))
	}
	kind := "file"
	if in.Device {
		kind = "block device"
	}
	line("image", "%s, a %s", in.Path, kind)
	switch {
	case in.Qcow2 != nil:
		line("format", "qcow2 version %d, clusters of %s, %s%s", in.Qcow2.Version, size(in.Qcow2.ClusterSize), in.Qcow2.Compression, in.qcow2More())
	case in.Overlay != nil:
		o := in.Overlay
		line("format", "overlay, %d of %d clusters of %s changed", o.Changed, o.Clusters, size(o.ClusterSize))
		line("base", "%s (%s)", content.Printable(o.Base), o.BaseFormat)
	default:
		line("format", "%s", in.Format)
	}
	line("size", "%s (%d bytes)", size(in.Size), in.Size)
	if !in.Device {
		line("allocated", "%s", size(in.Allocated))
	}
	in.contentText(line)
	_, err := io.WriteString(w, b.String())
	return err
}

func (in *Info) qcow2More() (s string) {
	if n := in.Qcow2.Snapshots; n > 0 {
		s += fmt.Sprintf(", %d snapshots", n)
	}
	if in.Qcow2.Dirty {
		s += ", not closed properly"
	}
	return s
}

func (in *Info) contentText(line func(name, format string, args ...any)) {
	c := in.Content
	switch {
	case c == nil:
		line("holds", "not to be seen: %s", in.Why)
		return
	case c.FileSystem != nil:
		line("holds", "%s", c.FileSystem)
	case c.Table == "":
		line("holds", "nothing that terem knows")
	}
	if c.Table != "" {
		line("table", "%s, %d partitions", strings.ToUpper(c.Table), len(c.Partitions))
	}
	for _, p := range c.Partitions {
		fs := "nothing that terem knows"
		if p.FileSystem != nil {
			fs = p.FileSystem.String()
		}
		if p.Beyond {
			fs += ", behind the end of the image"
		}
		if p.Name != "" {
			fs += fmt.Sprintf(" (%s)", p.Name)
		}
		line(fmt.Sprintf("  %d", p.Number), "%s at %s: %s", size(p.Size), size(p.Offset), fs)
	}
}

func size(n int64) string { return machine.Bytes(uint64(n)) }

// exists says whether there is a file, or something in the way of looking.
func exists(path string) bool {
	_, err := os.Lstat(path)
	return !os.IsNotExist(err)
}
