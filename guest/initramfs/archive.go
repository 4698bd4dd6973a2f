package initramfs

import (
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
)

// Entry is one file of an archive.
type Entry struct {
	Name         string // path without a leading slash
	Mode         uint32 // type and permissions, as in stat(2)
	Data         []byte // content of a file, target of a symbolic link
	Major, Minor uint32 // number of a device
}

// Archive collects entries. The zero value is empty and ready for use.
type Archive struct {
	entries map[string]Entry
}

// File adds a regular file; directories above it come by themselves.
func (a *Archive) File(name string, perm uint32, data []byte) {
	a.add(Entry{Name: name, Mode: typeFile | perm&0o7777, Data: data})
}

// Dir adds a directory.
func (a *Archive) Dir(name string, perm uint32) {
	a.add(Entry{Name: name, Mode: typeDir | perm&0o7777})
}

// Symlink adds a symbolic link to target.
func (a *Archive) Symlink(name, target string) {
	a.add(Entry{Name: name, Mode: typeLink | 0o777, Data: []byte(target)})
}

// CharDevice adds a character device.
func (a *Archive) CharDevice(name string, perm, major, minor uint32) {
	a.add(Entry{Name: name, Mode: typeChar | perm&0o7777, Major: major, Minor: minor})
}

// Clone is an archive of the same entries that can be added to without changing this one. Their contents are shared.
func (a *Archive) Clone() *Archive { return &Archive{maps.Clone(a.entries)} }

func (a *Archive) add(e Entry) {
	if a.entries == nil {
		a.entries = map[string]Entry{}
	}
	e.Name = path.Clean(strings.TrimLeft(e.Name, "/"))
	for dir := path.Dir(e.Name); dir != "."; dir = path.Dir(dir) {
		if _, ok := a.entries[dir]; !ok {
			a.entries[dir] = Entry{Name: dir, Mode: typeDir | 0o755}
		}
	}
	a.entries[e.Name] = e
}

// Entries lists the entries by name, so that a directory stands before what is in it.
func (a *Archive) Entries() []Entry {
	all := slices.Collect(maps.Values(a.entries))
	slices.SortFunc(all, func(x, y Entry) int { return strings.Compare(x.Name, y.Name) })
	return all
}

// WriteTo writes the archive.
func (a *Archive) WriteTo(w io.Writer) (int64, error) {
	c := &counter{w: w}
	for i, e := range a.Entries() {
		if err := writeEntry(c, uint32(i+1), e); err != nil {
			return c.n, fmt.Errorf("write %s to the initramfs: %w", e.Name, err)
		}
	}
	err := writeEntry(c, 0, Entry{Name: trailer})
	return c.n, err
}

func writeEntry(w *counter, ino uint32, e Entry) error {
	if int64(len(e.Data)) > 1<<32-1 {
		return fmt.Errorf("%d bytes: the format holds less than 4 GiB", len(e.Data))
	}
	name := append([]byte(e.Name), make([]byte, 1+alignment(w.n, e))...)
	h := header{
		ino: ino, mode: e.Mode, nlink: 1, fileSize: uint32(len(e.Data)),
		rmajor: e.Major, rminor: e.Minor, nameSize: uint32(len(name)),
	}
	b := append(h.append(make([]byte, 0, headerSize+len(name)+4)), name...)
	if err := w.padded(b); err != nil {
		return err
	}
	return w.padded(e.Data)
}

// alignment is how many NULs more the name of an entry needs, whose header comes at the given offset, so that
// its data begins on a page. The guest's kernel then takes the pages of a file over instead of copying them.
// A file below a page gains nothing, and a name that would become too long stays as it is.
func alignment(off int64, e Entry) int {
	if e.Mode&typeMask != typeFile || len(e.Data) < pageSize {
		return 0
	}
	end := off + headerSize + int64(len(e.Name)) + 1
	n := int(-(end + padding(end)) & (pageSize - 1))
	if len(e.Name)+1+n > maxName {
		return 0
	}
	return n
}

// counter counts what it writes, for padding and for WriteTo.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

func (c *counter) padded(p []byte) error {
	if _, err := c.Write(p); err != nil {
		return err
	}
	_, err := c.Write(make([]byte, padding(c.n)))
	return err
}
