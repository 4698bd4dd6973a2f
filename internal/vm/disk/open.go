package disk

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"time"

	"terem/internal/fault"

	"golang.org/x/sys/unix"
)

// sectorSize is virtio's unit (1.2, 5.2), and the least block that a guest writes.
const sectorSize = 512

// image is an open and locked file or block device, as it is on the host.
type image struct {
	store
	file     *file // beneath store
	path     string
	isDevice bool
	mtime    int64  // ns since 1970; 0 for a device
	logical  uint32 // block sizes, bytes
	physical uint32
	optimal  uint32 // 0: not known
	discards bool
}

// access is how an image is opened.
type access struct {
	write  bool
	direct bool
	nolock bool   // to look at it, whoever has it
	thing  string // what it is to the user; "": a disk
}

// openImage opens and locks what path names.
func openImage(path string, a access) (*image, error) {
	im, err := openAny(path, a)
	if err == nil {
		return im, nil
	}
	var said *fault.Error
	if errors.As(err, &said) {
		return nil, err
	}
	e := &fault.Error{Class: fault.Usage, Thing: a.name() + path, Err: err}
	switch {
	case errors.Is(err, errLocked):
		e.Err, e.Cause, e.Mend = nil, inUse(path), "end that first, or open it read-only everywhere (ro)"
	case errors.Is(err, fs.ErrNotExist) && a.thing != "":
		e.Mend = "without ro, terem makes one"
	case errors.Is(err, fs.ErrNotExist):
		e.Mend = "make one with `terem disk create` or `terem disk from-dir`"
	case errors.Is(err, fs.ErrPermission) && a.write, errors.Is(err, unix.EROFS):
		e.Mend = "add ro to open it read-only, or get the right to write it"
	case errors.Is(err, unix.EBUSY): // O_EXCL: somebody has the device
		e.Err, e.Cause, e.Mend = nil, inUse(path), "unmount it or end that first, or add ro"
	case errors.Is(err, unix.EINVAL) && a.direct:
		e.Err, e.Cause, e.Mend = nil, "its file system cannot do without the page cache", "use cache=writeback"
	}
	return nil, e
}

func (a access) name() string { return cmp.Or(a.thing, "disk") + " " }

func inUse(path string) string {
	if who := holder(path); who != "" {
		return "in use by " + who
	}
	return "in use on this host"
}

// openAny opens a regular file or a block device.
func openAny(path string, a access) (*image, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, fault.Reason(err)
	}
	im := &image{path: path, isDevice: st.Mode()&fs.ModeDevice != 0 && st.Mode()&fs.ModeCharDevice == 0}
	if !im.isDevice && !st.Mode().IsRegular() {
		return nil, &fault.Error{Class: fault.Usage, Thing: a.name() + path, Cause: kindName(st.Mode()),
			Mend: "name a regular file or a block device"}
	}
	flags := unix.O_RDONLY
	if a.write {
		flags = unix.O_RDWR
	}
	excl := 0
	if a.write && im.isDevice {
		excl = unix.O_EXCL // refuses a mounted one
	}
	fd, err := open(path, flags|excl)
	if err != nil {
		return nil, err
	}
	f := &file{fd: fd}
	if err := im.take(f, a, flags); err != nil {
		f.Close()
		return nil, err
	}
	return im, nil
}

// take locks and measures an open file, and opens it again for direct access.
func (im *image) take(f *file, a access, flags int) (err error) {
	if !a.nolock {
		if err := lock(f.fd, a.write); err != nil {
			return err
		}
	}
	if err := im.measure(f); err != nil || !a.direct {
		return err
	}
	if f.direct, err = openDirect(f.fd, flags); err != nil {
		return err
	}
	im.physical = max(im.physical, block(uint32(f.direct.off)))
	return nil
}

// kindName is what a file is that cannot be a disk.
func kindName(m fs.FileMode) string {
	switch {
	case m.IsDir():
		return "a directory"
	case m&fs.ModeNamedPipe != 0:
		return "a pipe"
	case m&fs.ModeSocket != 0:
		return "a socket"
	}
	return "a character device"
}

// measure fills in sizes and abilities, of the very file that is open.
func (im *image) measure(f *file) error {
	var st unix.Stat_t
	if err := unix.Fstat(f.fd, &st); err != nil {
		return err
	}
	im.file = f
	if im.isDevice {
		return im.measureDevice(f, &st)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return errors.New("it is not the file that it was a moment ago")
	}
	f.size, im.store = st.Size, f
	im.mtime = st.Mtim.Nano()
	f.probeHoles()
	im.logical, im.physical, im.discards = sectorSize, block(uint32(st.Blksize)), f.holes
	return nil
}

func (im *image) measureDevice(f *file, st *unix.Stat_t) (err error) {
	if st.Mode&unix.S_IFMT != unix.S_IFBLK {
		return errors.New("it is not the device that it was a moment ago")
	}
	d := &device{file: f, discards: true}
	if f.size, err = deviceSize(f.fd); err != nil {
		return err
	}
	im.store, im.discards = d, true
	im.logical, im.physical, im.optimal, err = d.limits()
	im.physical = max(block(im.physical), im.logical)
	return err
}

// block is n if a guest may be told it as a physical block size, and else 512.
func block(n uint32) uint32 {
	const most = 64 << 10
	if n < sectorSize || n > most || !power(n) {
		return sectorSize
	}
	return n
}

// checkSize refuses what cannot be the size of a disk.
func (im *image) checkSize() error {
	switch size := im.file.size; {
	case size == 0:
		return &fault.Error{Class: fault.Usage, Thing: "disk " + im.path, Cause: "the file is empty", Mend: "make one with `terem disk create`"}
	case size%sectorSize != 0:
		return im.notSector()
	}
	return nil
}

// open is open(2), close-on-exec, and without waiting for the other end of a pipe. Later
// calls do wait: there are file systems (FUSE) that say EAGAIN otherwise.
func open(path string, flags int) (fd int, err error) {
	err = again(func() (err error) {
		fd, err = unix.Open(path, flags|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
		return err
	})
	if err != nil {
		return -1, err
	}
	if err := unix.SetNonblock(fd, false); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// when formats a time of baseMark.
func when(ns int64) string { return time.Unix(0, ns).Format(time.DateTime) }
