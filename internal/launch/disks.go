package launch

import (
	"fmt"

	"terem/devices/virtio/blk"
	"terem/internal/disk"
)

// openDisks opens the disks in the order in which the guest is to find them. tell is
// told of the first host error of each kind.
func openDisks(specs []disk.Spec, tell func(error)) (_ []blk.Config, err error) {
	var disks []blk.Config
	defer func() {
		if err != nil {
			closeDisks(disks)
		}
	}()
	for _, s := range specs {
		d, err := disk.Open(s, disk.Options{OnError: tell})
		if err != nil {
			return nil, err
		}
		t := d.Traits()
		disks = append(disks, blk.Config{
			Backend: d, ReadOnly: t.ReadOnly, ID: t.ID, WriteCache: t.WriteCache,
			BlockSize: t.BlockSize, PhysicalBlockExp: t.PhysicalBlockExp,
			OptimalIO: t.OptimalIO / t.BlockSize, Discard: t.Discard,
		})
	}
	return disks, nil
}

// diskFailed tells the user of a disk's first host error of a kind; the guest sees an
// I/O error. The terminal may be in raw mode.
func (s *session) diskFailed(err error) {
	fmt.Fprintf(s.o.Stderr, "terem: %v\r\n", err)
}

// closeDisks closes disks that no machine has taken over. Nothing was written.
func closeDisks(disks []blk.Config) {
	for _, d := range disks {
		_ = d.Backend.Close()
	}
}
