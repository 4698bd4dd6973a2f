package disk

import (
	"errors"

	"golang.org/x/sys/unix"
)

// device is a block device: a file whose ranges are discarded and zeroed by ioctl.
type device struct {
	*file
	discards bool
}

// Discard is BLKDISCARD. A device without it keeps what is there.
func (d *device) Discard(off, n int64) error {
	if !d.discards || n == 0 {
		return nil
	}
	err := d.ioctl(unix.BLKDISCARD, off, n)
	if errors.Is(err, unix.EOPNOTSUPP) {
		return nil
	}
	return err
}

// WriteZeroes is BLKZEROOUT, which the kernel does in the best way the device has. It
// may not unmap; virtio leaves that to the device (1.2, 5.2.6.2).
func (d *device) WriteZeroes(off, n int64, _ bool) error {
	if n == 0 {
		return nil
	}
	return d.ioctl(unix.BLKZEROOUT, off, n)
}

func (d *device) ioctl(req uint, off, n int64) error {
	if dir := d.direct; dir != nil {
		dir.mu.Lock()
		defer dir.mu.Unlock()
	}
	return again(func() error { return ioctlRange(d.fd, req, off, n) })
}

// limits are a device's block sizes in bytes.
func (d *device) limits() (logical, physical, optimal uint32, err error) {
	n, err := unix.IoctlGetInt(d.fd, unix.BLKSSZGET)
	if err != nil {
		return 0, 0, 0, err
	}
	physical, err = unix.IoctlGetUint32(d.fd, unix.BLKPBSZGET)
	if err != nil {
		return 0, 0, 0, err
	}
	optimal, err = unix.IoctlGetUint32(d.fd, unix.BLKIOOPT)
	if err != nil {
		return 0, 0, 0, err
	}
	return uint32(n), physical, optimal, nil
}
