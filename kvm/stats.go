package kvm

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Stats are counters that KVM keeps for a VM or a vCPU, by the kernel's names:
// "exits", "insn_emulation", "halt_exits" (KVM_GET_STATS_FD, api.rst 4.133).
type Stats map[string]uint64

// readStats reads every scalar counter of a VM's or a vCPU's descriptor.
func readStats(fd int) (Stats, error) {
	sfd, places, err := openStats(fd)
	if err != nil {
		return nil, err
	}
	defer unix.Close(sfd)
	stats := make(Stats, len(places))
	for name, at := range places {
		if stats[name], err = counter(sfd, at); err != nil {
			return nil, err
		}
	}
	return stats, nil
}

// Meter reads a few counters of a vCPU, also while that runs: from any goroutine, without taking it
// out of the guest.
type Meter struct {
	fd int
	at []int64
}

// Meter opens the counters that have one of the names, as far as this kernel has them. The caller owes
// a Close.
func (c *VCPU) Meter(names ...string) (*Meter, error) {
	fd, places, err := openStats(c.fd)
	if err != nil {
		return nil, err
	}
	m := &Meter{fd: fd}
	for _, name := range names {
		if at, ok := places[name]; ok {
			m.at = append(m.at, at)
		}
	}
	if len(m.at) == 0 {
		return nil, errors.Join(fmt.Errorf("KVM statistics: none of %q", names), m.Close())
	}
	return m, nil
}

// Sum is the sum of the counters.
func (m *Meter) Sum() (sum uint64, err error) {
	for _, at := range m.at {
		v, err := counter(m.fd, at)
		if err != nil {
			return 0, err
		}
		sum += v
	}
	return sum, nil
}

// Close closes the counters. Nothing else may be called at the same time.
func (m *Meter) Close() error { return closeFD(&m.fd) }

// openStats opens the statistics of a VM's or a vCPU's descriptor, and says where in them the scalar
// counters are.
func openStats(fd int) (sfd int, places map[string]int64, err error) {
	sfd, err = ioctlInt(fd, "KVM_GET_STATS_FD", ioc(dirNone, nrGetStatsFD, 0), 0)
	if err != nil {
		return -1, nil, err
	}
	if places, err = statPlaces(sfd); err != nil {
		unix.Close(sfd)
		return -1, nil, err
	}
	return sfd, places, nil
}

func statPlaces(sfd int) (map[string]int64, error) {
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
	places := make(map[string]int64, h.numDesc)
	for ; len(descs) >= step; descs = descs[step:] {
		var d statsDesc
		n := copy(asBytes(&d), descs)
		if d.size != 1 {
			continue // a histogram
		}
		name, _, _ := bytes.Cut(descs[n:step], []byte{0})
		places[string(name)] = int64(h.dataOffs) + int64(d.offset)
	}
	return places, nil
}

// counter reads one counter.
func counter(sfd int, at int64) (uint64, error) {
	var v [8]byte
	err := readAt(sfd, v[:], at)
	return binary.NativeEndian.Uint64(v[:]), err
}

func readAt(fd int, p []byte, off int64) error {
	n, err := unix.Pread(fd, p, off)
	if err == nil && n < len(p) {
		err = unix.EIO
	}
	return wrap("read KVM statistics", err)
}
