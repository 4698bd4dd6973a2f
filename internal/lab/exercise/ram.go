package exercise

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// ram is guest memory that the grader gives away: a file in memory. What a guest did to it is read here, by pread(2), so that a student's
// program can neither say what is in it nor take it away under the reader's hands.
type ram struct{ *os.File }

func newRAM(size int64) (ram, error) {
	fd, err := unix.MemfdCreate("guest", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return ram{}, os.NewSyscallError("memfd_create", err)
	}
	r := ram{os.NewFile(uintptr(fd), "guest memory")}
	if err := r.Truncate(size); err != nil {
		r.Close()
		return ram{}, err
	}
	const seals = unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_SEAL
	if _, err := unix.FcntlInt(r.Fd(), unix.F_ADD_SEALS, seals); err != nil {
		r.Close()
		return ram{}, os.NewSyscallError("F_ADD_SEALS", err)
	}
	return r, nil
}

// put writes bytes to guest-physical memory.
func (r ram) put(at int64, b []byte) error {
	_, err := r.WriteAt(b, at)
	return err
}

// get reads n bytes of it.
func (r ram) get(at int64, n int) ([]byte, error) {
	b := make([]byte, n)
	_, err := r.ReadAt(b, at)
	return b, err
}

// hex shows a number as people write it in this trade.
func hex[T ~uint8 | ~uint16 | ~uint32 | ~uint64](n T) string { return fmt.Sprintf("%#x", n) }
