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
	Mend     string   // of the structure
	Details  []string // of problems, in e2fsck's words
	Notes    []string // what was done, and what is odd and harmless
	Checked  bool     // there was something that could be checked
}

// Check looks for contradictions in an image's structure and, with e2fsck, in the
// ext2, ext3 and ext4 file systems in it. It changes nothing.
func Check(ctx context.Context, path string) (*Report, error) {
	r := &Report{Path: path}
	var err error
	if r.Problems, r.Notes, err = disk.Check(ctx, path); err != nil || len(r.Problems) > 0 {
		r.Mend = "copy it again from where it came; of a qcow2 image, `qemu-img check -r all` on a copy saves what can be saved"
		return r, err
	}
	f, err := disk.Inspect(path)
	if err != nil {
		return nil, err
	}
	if f.Format != "raw" { // there every byte is the guest's
		r.Checked = true
		r.Notes = append(r.Notes, "structure ("+f.Format+"): clean")
	}
	d, err := disk.Open(spec(f), disk.Options{Decoder: inflate.New})
	if err != nil && f.Overlay != nil {
		r.Notes = append(r.Notes, fmt.Sprintf("what is in it was not checked: %v", err))
		return r, nil
	}
	if err != nil {
		return nil, err
	}
	defer d.Close() // read only
	c := content.Examine(&reader{d: d}, d.Size())
	whole := c.FileSystem != nil
	if whole {
		c.Partitions = append([]content.Partition{{Size: d.Size(), FileSystem: c.FileSystem}}, c.Partitions...)
	}
	if len(c.Partitions) == 0 {
		r.Notes = append(r.Notes, "no file system and no partition that terem knows: nothing in it was checked")
	}
	for _, p := range c.Partitions {
		if p.Beyond {
			if !whole { // the table of an ISO image is for firmware, and often imprecise
				r.Checked = true
				r.cut(partName(&p), p.Offset+p.Size, d.Size())
			}
			continue
		}
		if err := r.content(ctx, d, f, &p); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func partName(p *content.Partition) string {
	if p.Number > 0 {
		return fmt.Sprintf("partition %d", p.Number)
	}
	return "the file system"
}

// cut notes that something ends behind the end of what it is in.
func (r *Report) cut(what string, need, there int64) {
	r.Problems = append(r.Problems, fmt.Sprintf("%s: cut short, it needs %s and has %s; copy the image again from where it came",
		what, size(need), size(there)))
}

// e2fsckFixed in e2fsck's status says that it corrected something, such as a journal.
const e2fsckFixed = 1

// content checks one file system.
func (r *Report) content(ctx context.Context, d *disk.Disk, f *disk.Facts, p *content.Partition) error {
	where := partName(p)
	if p.FileSystem == nil || !strings.HasPrefix(p.FileSystem.Type, "ext") {
		r.Notes = append(r.Notes, where+partKind(p)+": not checked, terem can do so with ext2, ext3 and ext4")
		return nil
	}
	r.Checked = true
	where += partKind(p)
	if p.FileSystem.State == content.StateCut {
		r.cut(where, p.FileSystem.Size, p.Size)
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
		return &fault.Error{Class: fault.Usage, Thing: "check " + f.Path, Err: fault.Reason(err)}
	}
	defer target.Close() // read only
	if replay {
		_, stderr, status, err := runOn(ctx, target, "e2fsck", "-y", "-E", "journal_only")
		if err != nil {
			return err
		}
		if status&^e2fsckFixed != 0 {
			r.damage(where, "its journal cannot be replayed", mend(f, p), words(stderr))
			return nil
		}
	}
	out, stderr, status, err := runOn(ctx, target, "e2fsck", "-fn")
	if err != nil {
		return err
	}
	r.verdict(where, mend(f, p), replay, words(out), words(stderr), status)
	return nil
}

// partKind names what is in a partition, behind its name.
func partKind(p *content.Partition) string {
	if p.FileSystem == nil {
		return ""
	}
	return " (" + p.FileSystem.Type + ")"
}

// mend is what repairs a file system: where it is a file of its own, on the host.
func mend(f *disk.Facts, p *content.Partition) string {
	if f.Format == "raw" && p.Offset == 0 {
		return "keep a copy, then repair it with `e2fsck -f " + f.Path + "`"
	}
	return "keep a copy, then repair it with `e2fsck -f` in a guest that does not mount it"
}

// verdict reads e2fsck's status: 0 clean, 4 errors that it did not correct, others
// that it could not do its work (e2fsck(8), "Exit code").
func (r *Report) verdict(where, mend string, replayed bool, out, stderr []string, status int) {
	const uncorrected = 4
	switch {
	case status == 0 && replayed:
		r.Notes = append(r.Notes, where+": clean once its journal is replayed, as the next mount does")
	case status == 0:
		r.Notes = append(r.Notes, where+": clean")
	case status == uncorrected:
		r.damage(where, "damaged", mend, append(out, stderr...))
	default:
		r.damage(where, "e2fsck gives up: it is badly damaged, or newer than this e2fsck", "-v shows what it says, and if it is damage, "+mend, append(out, stderr...))
	}
}

func (r *Report) damage(where, how, mend string, details []string) {
	r.Problems = append(r.Problems, fmt.Sprintf("%s: %s; %s", where, how, mend))
	for _, l := range details {
		r.Details = append(r.Details, where+": e2fsck: "+l)
	}
}

// words are the lines of e2fsck that say something, but not too many.
func words(text string) (lines []string) {
	const most = 100
	for _, l := range strings.FieldsFunc(text, func(c rune) bool { return c == '\n' || c == '\r' }) {
		l = content.Printable(strings.ReplaceAll(l, imageName, "the image"))
		if l == "" || strings.HasPrefix(l, "Pass ") {
			continue
		}
		if len(lines) == most {
			return append(lines, "and more")
		}
		lines = append(lines, l)
	}
	return lines
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
			e := &fault.Error{Class: fault.Host, Thing: "copy to " + f.Name(), Err: fault.Reason(err), Mend: "name a directory with room in TMPDIR"}
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
