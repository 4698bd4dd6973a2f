package kvm

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"
)

// Stats are counters that KVM keeps for a VM or a vCPU, by the kernel's names:
// "exits", "insn_emulation", "halt_exits" (KVM_GET_STATS_FD, api.rst 4.133).
type Stats map[string]uint64

// readStats reads every scalar counter of a VM's or a vCPU's descriptor.
func readStats(fd int) (Stats, error) {
	sfd, err := ioctlInt(fd, "KVM_GET_STATS_FD", ioc(dirNone, nrGetStatsFD, 0), 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(sfd)
	var h statsHeader
	if err := readAt(sfd, asBytes(&h), 0); err != nil {
		return nil, err
	}
	// The header is the kernel's own, and still it is only data: bound what is allocated.
	const maxDesc, maxName = 4096, 256
	if h.numDesc > maxDesc || h.nameSize > maxName {
		return nil, fmt.Errorf("KVM statistics: %d counters with names of %d bytes", h.numDesc, h.nameSize)
	}
	step := int(sizeof[statsDesc]()) + int(h.nameSize)
	descs := make([]byte, step*int(h.numDesc))
	if err := readAt(sfd, descs, int64(h.descOffset)); err != nil {
		return nil, err
	}
	return statValues(sfd, &h, descs, step)
}

func statValues(sfd int, h *statsHeader, descs []byte, step int) (Stats, error) {
	stats := make(Stats, h.numDesc)
	for ; len(descs) >= step; descs = descs[step:] {
		var d statsDesc
		n := copy(asBytes(&d), descs)
		if d.size != 1 {
			continue // a histogram
		}
		var v [8]byte
		if err := readAt(sfd, v[:], int64(h.dataOffs)+int64(d.offset)); err != nil {
			return nil, err
		}
		name, _, _ := bytes.Cut(descs[n:step], []byte{0})
		stats[string(name)] = binary.NativeEndian.Uint64(v[:])
	}
	return stats, nil
}

func readAt(fd int, p []byte, off int64) error {
	n, err := unix.Pread(fd, p, off)
	if err == nil && n < len(p) {
		err = unix.EIO
	}
	return wrap("read KVM statistics", err)
}
