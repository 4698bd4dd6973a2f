package launch

import (
	"io"

	"terem/devices/virtio/blk"
	"terem/internal/vm/disk"
)

// A disk on a raw file knows its page cache.
var _ blk.Quick = (*disk.Disk)(nil)

// openDisks opens the disks in the order in which the guest is to find them.
func (s *session) openDisks() ([]blk.Config, error) {
	disks, err := disk.OpenAll(s.o.Disks, disk.Options{OnError: s.diskFailed, Decoder: s.o.Decoders.Disk})
	if err != nil {
		return nil, err
	}
	s.disks = disks
	var all []blk.Config
	for _, d := range disks {
		t := d.Traits()
		all = append(all, blk.Config{
			Backend: d, ReadOnly: t.ReadOnly, ID: t.ID, WriteCache: t.WriteCache,
			BlockSize: t.BlockSize, PhysicalBlockExp: t.PhysicalBlockExp,
			OptimalIO: t.OptimalIO / t.BlockSize, Discard: t.Discard,
		})
	}
	return all, nil
}

// reader reads a disk byte by byte.
type reader struct{ disk blk.Backend }

// ReadAt implements io.ReaderAt by reading whole blocks.
func (r reader) ReadAt(p []byte, off int64) (int, error) {
	const block = 4096 // a multiple of every block size that a file system begins in
	from := off / block * block
	to := min((off+int64(len(p))+block-1)/block*block, r.disk.Size())
	if to <= off {
		return 0, io.EOF
	}
	b := make([]byte, to-from)
	if err := r.disk.ReadVec([][]byte{b}, from); err != nil {
		return 0, err
	}
	n := copy(p, b[off-from:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// diskFailed tells the user of a disk's first host error of a kind; the guest sees an
// I/O error. The terminal may be in raw mode.
func (s *session) diskFailed(err error) {
	s.say("terem: %v\r\n", err)
}

// unmakeDisks leaves nothing of disks whose guest never began.
func (s *session) unmakeDisks() {
	if s.begun {
		return
	}
	for _, d := range s.disks {
		d.Unmake()
	}
}
