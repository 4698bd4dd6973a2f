package disk

import (
	"encoding/binary"
	"fmt"
	"sync"

	"golang.org/x/sys/unix"
)

// slowFS is a file system with one file, "disk", that behaves as a file system may and hardly
// one does: it transfers little at a time, is interrupted, says EAGAIN to who does not want to
// wait, and holds some reads up. It speaks FUSE 7.31 (linux/fuse.h).
type slowFS struct {
	fd   int
	hold int64      // reads from this offset on get no answer
	held chan int64 // the offset of each

	mu    sync.Mutex
	data  []byte
	calls int
	syncs int
}

const slowMost = 1000 // bytes of one transfer

const (
	fuseLookup  = 1
	fuseForget  = 2
	fuseGetattr = 3
	fuseOpen    = 14
	fuseRead    = 15
	fuseWrite   = 16
	fuseRelease = 18
	fuseFsync   = 20
	fuseFlush   = 25
	fuseInit    = 26
	fuseInter   = 36
	fuseForgets = 42

	fuseDirectIO = 1 // of an open file: nothing is cached, transfers may be short
	fuseHeader   = 40
)

// mountSlow mounts a slowFS, in a mount namespace that the caller is alone in.
func mountSlow(dir string, size int) (*slowFS, error) {
	fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	s := &slowFS{fd: fd, hold: int64(size) / 2, held: make(chan int64, 16), data: make([]byte, size)}
	err = unix.Mount("slow", dir, "fuse", 0, fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0", fd))
	if err == nil {
		go s.serve()
	}
	return s, err
}

// synced is how often there was an fsync.
func (s *slowFS) synced() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.syncs
}

// serve answers until the file system is unmounted.
func (s *slowFS) serve() {
	b := make([]byte, 256<<10)
	for {
		n, err := unix.Read(s.fd, b)
		if err == unix.ENODEV { // read returns a bare Errno
			return
		}
		if err != nil || n < fuseHeader {
			continue
		}
		le := binary.LittleEndian
		op, unique := le.Uint32(b[4:]), le.Uint64(b[8:])
		reply, errno, answered := s.answer(op, le.Uint64(b[16:]), b[fuseHeader:n])
		if !answered {
			continue
		}
		out := make([]byte, 16, 16+len(reply))
		le.PutUint32(out, uint32(16+len(reply)))
		le.PutUint32(out[4:], uint32(-int32(errno)))
		le.PutUint64(out[8:], unique)
		_, _ = unix.Write(s.fd, append(out, reply...)) // who asked may be gone
	}
}

func (s *slowFS) answer(op uint32, node uint64, in []byte) (reply []byte, errno unix.Errno, answered bool) {
	le := binary.LittleEndian
	switch op {
	case fuseInit:
		reply = make([]byte, 64)
		le.PutUint32(reply, 7)
		le.PutUint32(reply[4:], 31)
		le.PutUint32(reply[20:], 128<<10) // most bytes of a write
	case fuseLookup:
		reply = make([]byte, 40, 128)
		le.PutUint64(reply, 2)
		reply = append(reply, s.attr(2)...)
	case fuseGetattr:
		reply = append(make([]byte, 16), s.attr(node)...)
	case fuseOpen:
		reply = make([]byte, 16)
		le.PutUint32(reply[8:], fuseDirectIO)
	case fuseRead, fuseWrite:
		return s.transfer(op, in)
	case fuseFsync:
		s.mu.Lock()
		s.syncs++
		s.mu.Unlock()
	case fuseFlush, fuseRelease:
	case fuseForget, fuseForgets, fuseInter:
		return nil, 0, false
	default:
		return nil, unix.ENOSYS, true
	}
	return reply, 0, true
}

// attr is a struct fuse_attr: node 1 is the root directory, 2 the file.
func (s *slowFS) attr(node uint64) []byte {
	le := binary.LittleEndian
	b := make([]byte, 88)
	le.PutUint64(b, node)
	mode := uint32(unix.S_IFDIR | 0o700)
	if node == 2 {
		mode = unix.S_IFREG | 0o600
		le.PutUint64(b[8:], uint64(len(s.data)))
	}
	le.PutUint32(b[60:], mode)
	le.PutUint32(b[64:], 1)
	le.PutUint32(b[80:], 4096)
	return b
}

// transfer does a read or a write; in is a struct fuse_read_in or fuse_write_in.
func (s *slowFS) transfer(op uint32, in []byte) (reply []byte, errno unix.Errno, answered bool) {
	le := binary.LittleEndian
	off, n, flags := int64(le.Uint64(in[8:])), int(le.Uint32(in[16:])), le.Uint32(in[32:])
	if op == fuseRead && off >= s.hold {
		s.held <- off
		return nil, 0, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	switch {
	case flags&unix.O_NONBLOCK != 0:
		return nil, unix.EAGAIN, true
	case s.calls%5 == 0:
		return nil, unix.EINTR, true
	}
	n = min(n, slowMost, len(s.data)-int(off))
	if op == fuseRead {
		return append(reply, s.data[off:][:n]...), 0, true
	}
	copy(s.data[off:], in[40:][:n])
	return le.AppendUint64(nil, uint64(n)), 0, true
}
