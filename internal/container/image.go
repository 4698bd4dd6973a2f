package container

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// mfdExec says that a file in memory is to be executed; of Linux 6.3.
const mfdExec = 0x10

// image is terem's own program in memory, sealed: a process that enters runs it, and whoever gets hold of it inside, by a
// link in /proc, can change neither it nor terem's file (CVE-2019-5736). It is made once; the descriptor is the caller's.
func (k *Container) image() (fd int, err error) {
	k.making.Lock()
	defer k.making.Unlock()
	if k.sealed == nil {
		if k.sealed, err = sealedSelf(); err != nil {
			return -1, err
		}
	}
	return unix.FcntlInt(k.sealed.Fd(), unix.F_DUPFD_CLOEXEC, 0)
}

func (k *Container) dropImage() {
	k.making.Lock()
	defer k.making.Unlock()
	if k.sealed != nil {
		k.sealed.Close()
		k.sealed = nil
	}
}

func sealedSelf() (*os.File, error) {
	self, err := os.Open("/proc/self/exe")
	if err != nil {
		return nil, err
	}
	defer self.Close()
	const flags = unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING
	fd, err := unix.MemfdCreate("terem", flags|mfdExec)
	if errors.Is(err, unix.EINVAL) {
		fd, err = unix.MemfdCreate("terem", flags)
	}
	if err != nil {
		return nil, fmt.Errorf("memfd_create: %w", err)
	}
	f := os.NewFile(uintptr(fd), "terem")
	if _, err = io.Copy(f, self); err == nil {
		const seals = unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE
		_, err = unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, seals)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
