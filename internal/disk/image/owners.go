package image

import (
	"archive/tar"
	"bufio"
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"terem/internal/machine"
)

// owners is what files get only once they are in an image, by debugfs(8): owner,
// mode, time, extended attributes, and devices as such.
type owners struct {
	dir   string // for values of extended attributes
	files map[string]*owned
}

type owned struct {
	kind         byte
	mode         int64 // permission bits
	uid, gid     int
	mtime        int64 // s since 1970
	major, minor int64
	attrs        map[string]string // name to file of its value
}

func newOwners(dir string) *owners { return &owners{dir, map[string]*owned{}} }

// xattrPrefix begins the pax records of extended attributes.
const xattrPrefix = "SCHILY.xattr."

// note remembers an entry of a tar for a path in the image.
func (o *owners) note(name string, h *tar.Header) error {
	const most = 1<<32 - 1
	if h.Uid < 0 || h.Gid < 0 || h.Uid > most || h.Gid > most || h.Devmajor < 0 || h.Devminor < 0 || h.Devmajor > most || h.Devminor > most {
		return fmt.Errorf("%w: an owner or a device number out of range", errTar)
	}
	f := &owned{kind: h.Typeflag, mode: h.Mode & 0o7777, uid: h.Uid, gid: h.Gid, major: h.Devmajor, minor: h.Devminor}
	if !h.ModTime.IsZero() {
		f.mtime = max(0, h.ModTime.Unix())
	}
	for key, value := range h.PAXRecords {
		attr, ok := strings.CutPrefix(key, xattrPrefix)
		if !ok || value == "" {
			continue
		}
		if strings.ContainsAny(attr, "\n\"") {
			return fmt.Errorf("%w: an attribute with a sign that no attribute has", errTar)
		}
		v, err := os.CreateTemp(o.dir, "")
		if err != nil {
			return err
		}
		_, err = v.WriteString(value)
		if cerr := v.Close(); err == nil {
			err = cerr
		}
		if err != nil {
			return err
		}
		if f.attrs == nil {
			f.attrs = map[string]string{}
		}
		f.attrs[attr] = v.Name()
	}
	o.files[name] = f
	return nil
}

func (o *owners) forget(name string) { delete(o.files, name) }

// apply writes everything into the image and has e2fsck look at it.
func (o *owners) apply(ctx context.Context, image *os.File) error {
	script := filepath.Join(o.dir, "script")
	if err := o.script(script); err != nil {
		return err
	}
	_, stderr, status, err := runOn(ctx, image, "debugfs", "-w", "-f", script)
	if err != nil {
		return err
	}
	// Its status does not tell; it names its version, and then every failure.
	version, rest, _ := strings.Cut(stderr, "\n")
	if status != 0 || !strings.HasPrefix(version, "debugfs ") || strings.TrimSpace(rest) != "" {
		return &machine.Error{Class: machine.Host, Thing: "debugfs", Cause: complaint(stderr)}
	}
	out, stderr, status, err := runOn(ctx, image, "e2fsck", "-fn")
	if err == nil && status != 0 {
		err = &machine.Error{Class: machine.Host, Thing: "e2fsck on the new image", Cause: complaint(out + stderr)}
	}
	return err
}

// script is what debugfs does; paths in order, so that an image is the same each time.
func (o *owners) script(name string) error {
	out, err := os.Create(name)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(out)
	var names []string
	for n := range o.files {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range names {
		o.files[n].script(w, n)
	}
	err = w.Flush() // a bufio.Writer keeps the first error
	if cerr := out.Close(); err == nil {
		err = cerr
	}
	return err
}

func (f *owned) script(w *bufio.Writer, name string) {
	q := quote(name)
	kind := map[byte]int64{tar.TypeReg: unix.S_IFREG, tar.TypeDir: unix.S_IFDIR, tar.TypeSymlink: unix.S_IFLNK,
		tar.TypeChar: unix.S_IFCHR, tar.TypeBlock: unix.S_IFBLK, tar.TypeFifo: unix.S_IFIFO}[f.kind]
	mode := f.mode
	switch f.kind {
	case tar.TypeSymlink:
		mode = 0o777
	case tar.TypeChar, tar.TypeBlock, tar.TypeFifo:
		how := "p"
		if f.kind != tar.TypeFifo {
			how = fmt.Sprintf("%c %d %d", map[byte]byte{tar.TypeChar: 'c', tar.TypeBlock: 'b'}[f.kind], f.major, f.minor)
		}
		fmt.Fprintf(w, "cd %s\nmknod %s %s\n", quote(path.Dir(name)), quote(path.Base(name)), how)
	}
	fmt.Fprintf(w, "sif %s mode 0%o\nsif %s uid %d\nsif %s gid %d\nsif %s mtime @%d\n", q, kind|mode, q, f.uid, q, f.gid, q, f.mtime)
	for attr, value := range f.attrs {
		fmt.Fprintf(w, "ea_set -f %s %s %s\n", quote(value), q, quote(attr))
	}
}

// quote makes one word for debugfs (libss): two quotes within quotes are one.
func quote(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }
