package disk

import (
	"fmt"
	"sync"

	"golang.org/x/sys/unix"
)

// direct is a second descriptor of a file, with O_DIRECT, and what that demands of a
// request. A request that does not fit goes through the page cache: guests are told
// the alignment as their physical block size, so this is rare.
type direct struct {
	fd  int
	mem uintptr // alignment of address and length in memory, bytes
	off int64   // alignment of offset and length in the file, bytes
	// mu keeps a write through the page cache apart from those past it: it reads a
	// whole page, changes part of it, and would write the rest back as it was.
	mu sync.RWMutex
}

// unknownAlign suits every file system and device whose demands the kernel does not
// tell.
const unknownAlign = 4096

// openDirect opens path past the page cache. It must be the file that fd is.
func openDirect(fd int, flags int) (*direct, error) {
	// Through /proc, so that it is this file and not what path names by now.
	dfd, err := open(fmt.Sprintf("/proc/self/fd/%d", fd), flags|unix.O_DIRECT)
	if err != nil {
		return nil, err
	}
	d := &direct{fd: dfd, mem: unknownAlign, off: unknownAlign}
	var st unix.Statx_t
	err = unix.Statx(dfd, "", unix.AT_EMPTY_PATH, unix.STATX_DIOALIGN, &st)
	if err == nil && st.Mask&unix.STATX_DIOALIGN != 0 {
		if !power(st.Dio_mem_align) || !power(st.Dio_offset_align) {
			unix.Close(dfd)
			return nil, unix.EINVAL // O_DIRECT is accepted and not done
		}
		d.mem, d.off = uintptr(st.Dio_mem_align), int64(st.Dio_offset_align)
	}
	return d, nil
}

func power(n uint32) bool { return n != 0 && n&(n-1) == 0 }

func (d *direct) fits(iov [][]byte, off int64) bool {
	var n int64
	for _, p := range iov {
		if misaligned(p, d.mem) {
			return false
		}
		n += int64(len(p))
	}
	return (off|n)&(d.off-1) == 0
}

// write writes to f past the page cache if the request fits, and through it if not.
func (d *direct) write(f *file, iov [][]byte, off int64) error {
	if d.fits(iov, off) {
		d.mu.RLock()
		defer d.mu.RUnlock()
		return f.vecs.move(writing(), d.fd, iov, off)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := f.vecs.move(writing(), f.fd, iov, off); err != nil {
		return err
	}
	// No dirty page stays behind for a later direct write to lose against.
	return again(func() error {
		return unix.SyncFileRange(f.fd, off, total(iov), unix.SYNC_FILE_RANGE_WRITE_AND_WAIT)
	})
}
