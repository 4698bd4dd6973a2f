package launch

import (
	"bytes"
	"io"

	"terem/guest/cmdline"
	"terem/guest/initramfs"
	"terem/internal/fault"
	"terem/internal/vm/machine"
)

// handOver puts a command that is too long for the kernel's command line into a file behind the initrd: the kernel unpacks
// one archive after the other (Documentation/driver-api/early-userspace/buffer-format.rst).
func handOver(initrd *machine.File, command []string) (*machine.File, error) {
	words, err := cmdline.Join(command)
	if err != nil {
		return nil, &fault.Error{Class: fault.Usage, Thing: "command " + command[0], Err: err}
	}
	var a initramfs.Archive
	a.File(cmdline.CommandFile, 0o400, words)
	var b bytes.Buffer
	if _, err := a.WriteTo(&b); err != nil {
		return nil, &fault.Error{Class: fault.Usage, Thing: "command " + command[0], Err: err}
	}
	const align = 4 // where an archive begins
	behind := append(make([]byte, -initrd.Size&(align-1)), b.Bytes()...)
	return &machine.File{Name: initrd.Name, R: &twoParts{initrd.R, initrd.Size, bytes.NewReader(behind)}, Size: initrd.Size + int64(len(behind))}, nil
}

// twoParts is a file and what is behind it.
type twoParts struct {
	first  io.ReaderAt
	size   int64
	second io.ReaderAt
}

// ReadAt implements io.ReaderAt.
func (f *twoParts) ReadAt(p []byte, off int64) (n int, err error) {
	if off < f.size {
		part := p[:min(int64(len(p)), f.size-off)]
		if n, err = f.first.ReadAt(part, off); n < len(part) || n == len(p) {
			return n, err
		}
	}
	m, err := f.second.ReadAt(p[n:], off+int64(n)-f.size)
	return n + m, err
}
