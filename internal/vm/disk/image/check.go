package image

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"

	"terem/internal/fault"
	"terem/internal/vm/disk"
	"terem/internal/vm/disk/content"
	"terem/internal/vm/disk/qcow2/inflate"
)

// Report is what a check found, in lines.
type Report struct {
	Path     string
	Problems []string
	Notes    []string // what was done, and what is odd and harmless
}

// Check looks for contradictions in an image's structure and, with e2fsck, in the
// ext2, ext3 and ext4 file systems in it. It changes nothing.
func Check(ctx context.Context, path string) (*Report, error) {
	r := &Report{Path: path}
	var err error
	if r.Problems, r.Notes, err = disk.Check(ctx, path); err != nil || len(r.Problems) > 0 {
		return r, err
	}
	f, err := disk.Inspect(path)
	if err != nil {
		return nil, err
	}
	r.Notes = append(r.Notes, "structure ("+f.Format+"): clean")
	d, err := disk.Open(spec(f), disk.Options{Decoder: inflate.New})
	if err != nil && f.Overlay != nil {
		r.Notes = append(r.Notes, fmt.Sprintf("what is in it was not checked: %v", err))
		return r, nil
	}
	if err != nil {
		return nil, err
	}
	defer d.Close() // read only
	c := content.Examine(reader{d}, d.Size())
	if c.FileSystem != nil {
		c.Partitions = append([]content.Partition{{Size: d.Size(), FileSystem: c.FileSystem}}, c.Partitions...)
	}
	for _, p := range c.Partitions {
		if err := r.content(ctx, d, f, &p); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// e2fsckFixed in e2fsck's status says that it corrected something, such as a journal.
const e2fsckFixed = 1

// content checks one file system.
func (r *Report) content(ctx context.Context, d *disk.Disk, f *disk.Facts, p *content.Partition) error {
	where := "the file system"
	if p.Number > 0 {
		where = fmt.Sprintf("partition %d", p.Number)
	}
	if p.FileSystem == nil || !strings.HasPrefix(p.FileSystem.Type, "ext") {
		r.Notes = append(r.Notes, where+": not checked, terem knows only ext4")
		return nil
	}
	replay := p.FileSystem.State == "needs recovery"
	name := f.Path
	if f.Format != "raw" || replay || p.Offset > 0 {
		var err error
		if name, err = copyOut(ctx, d, p.Offset, p.Size); err != nil {
			return err
		}
		defer os.Remove(name) // a copy
	}
	target, err := os.Open(name)
	if err != nil {
		return &fault.Error{Class: fault.Usage, Thing: "check " + f.Path, Err: reason(err)}
	}
	defer target.Close() // read only
	if replay {
		_, stderr, status, err := runOn(ctx, target, "e2fsck", "-y", "-E", "journal_only")
		if err != nil {
			return err
		}
		if status&^e2fsckFixed != 0 {
			r.Problems = append(r.Problems, fmt.Sprintf("%s: its journal cannot be replayed: %s", where, complaint(stderr)))
			return nil
		}
	}
	out, stderr, status, err := runOn(ctx, target, "e2fsck", "-fn")
	if err != nil {
		return err
	}
	r.verdict(where, p.FileSystem, replay, out, stderr, status)
	return nil
}

// verdict reads e2fsck's status: 0 clean, 4 errors that it did not correct, others
// that it could not do its work (e2fsck(8), "Exit code").
func (r *Report) verdict(where string, fs *content.FileSystem, replayed bool, out, stderr string, status int) {
	if status == 0 {
		how := "clean"
		if replayed {
			how = "clean once its journal is replayed, as the next mount does"
		}
		r.Notes = append(r.Notes, fmt.Sprintf("%s (%s): %s", where, fs.Type, how))
		return
	}
	const most = 20
	var lines []string
	for _, l := range strings.FieldsFunc(out, func(c rune) bool { return c == '\n' || c == '\r' }) {
		if l = content.Printable(l); l != "" && !strings.HasPrefix(l, "Pass ") {
			lines = append(lines, l)
		}
	}
	if len(lines) == 0 {
		lines = []string{complaint(stderr)}
	}
	for i, l := range lines {
		if i == most {
			r.Problems = append(r.Problems, fmt.Sprintf("%s (%s): %d more lines of e2fsck's", where, fs.Type, len(lines)-most))
			break
		}
		r.Problems = append(r.Problems, fmt.Sprintf("%s (%s): %s", where, fs.Type, l))
	}
}

// copyOut writes part of a disk into a temporary file, without room for zeros.
func copyOut(ctx context.Context, d *disk.Disk, off, n int64) (name string, err error) {
	f, err := os.CreateTemp("", "terem-check-")
	if err != nil {
		return "", err
	}
	defer func() {
		if cerr := f.Close(); err == nil {
			err = cerr
		}
		if err != nil {
			os.Remove(f.Name()) // the copy is no good
			e := &fault.Error{Class: fault.Host, Thing: "copy to " + f.Name(), Err: reason(err), Mend: "name a directory with room in TMPDIR"}
			if ctx.Err() != nil {
				e.Err, e.Cause, e.Mend = nil, "interrupted", ""
			}
			err = e
		}
	}()
	if err := f.Truncate(n); err != nil {
		return "", err
	}
	buf, zero := make([]byte, 1<<20), make([]byte, 1<<20)
	for at := int64(0); at < n; at += int64(len(buf)) {
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		p := buf[:min(int64(len(buf)), n-at)]
		if err := d.ReadVec([][]byte{p}, off+at); err != nil {
			return "", err
		}
		if bytes.Equal(p, zero[:len(p)]) {
			continue
		}
		if _, err := f.WriteAt(p, at); err != nil {
			return "", err
		}
	}
	return f.Name(), nil
}
