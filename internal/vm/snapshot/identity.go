package snapshot

import (
	"os"

	"golang.org/x/sys/unix"
)

// Identity is by which a file is known again: as long as all of it is the same, nobody has written to the file. The device is not
// a part of it: some file systems have another number after each start of the host. It is no proof against somebody who can set
// the clock; the sums of the chunks are none against somebody who can write sums.
type Identity struct {
	Inode        uint64
	Size         int64
	Mtime, Ctime int64 // ns since 1970
}

// identify is the identity of an open file.
func identify(f *os.File) (Identity, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return Identity{}, os.NewSyscallError("fstat", err)
	}
	return Identity{Inode: st.Ino, Size: st.Size, Mtime: st.Mtim.Nano(), Ctime: st.Ctim.Nano()}, nil
}
