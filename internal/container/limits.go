package container

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"terem/internal/fault"

	"github.com/opencontainers/cgroups"
	"golang.org/x/sys/unix"
)

// Limits bound what a container takes. Zero is no limit.
type Limits struct {
	Memory   uint64  // bytes, page cache included; no swap
	CPUs     float64 // seconds of CPU time per second
	PIDs     int64   // processes and threads
	ReadBPS  uint64  // bytes a second from the disk that holds the root
	WriteBPS uint64  // and to it; version 1 of control groups counts direct I/O only
}

// cpuPeriod is how often a share of CPU time is given out, in microseconds: the kernel's
// own default (cgroup-v2.rst, cpu.max).
const cpuPeriod = 100_000

// needs are the controllers that the limits ask for, and the field that asked.
func (l Limits) needs() map[string]string {
	needs := map[string]string{}
	if l.Memory != 0 {
		needs["memory"] = fault.Field("Memory")
	}
	if l.CPUs != 0 {
		needs["cpu"] = fault.Field("CPUs")
	}
	if l.PIDs != 0 {
		needs["pids"] = fault.Field("PIDs")
	}
	if l.ReadBPS != 0 || l.WriteBPS != 0 {
		needs["blkio"] = ioFields()
	}
	return needs
}

func ioFields() string { return fault.Field("ReadBPS") + ", " + fault.Field("WriteBPS") }

// check finds limits that no kernel takes.
func (l Limits) check() error {
	const leastCPUs, mostCPUs = 0.01, 1 << 20 // the kernel's: 1 ms of a period
	const leastMemory = 8 << 20               // the first stage may be in the group already
	const mostPIDs = 4 << 20                  // PID_MAX_LIMIT of linux/threads.h
	bad := func(thing, why string) error {
		return &fault.Error{Class: fault.Usage, Thing: thing, Cause: why}
	}
	switch {
	case l.Memory != 0 && l.Memory < leastMemory:
		return bad(fmt.Sprintf("%s %d", fault.Field("Memory"), l.Memory), "want 8M or more")
	case l.Memory > 1<<62:
		return bad(fmt.Sprintf("%s %d", fault.Field("Memory"), l.Memory), "too much")
	case l.CPUs != 0 && !(l.CPUs >= leastCPUs && l.CPUs <= mostCPUs):
		return bad(fmt.Sprintf("%s %v", fault.Field("CPUs"), l.CPUs), fmt.Sprintf("want a number of CPUs from %v to %v, such as 0.5 or 2", leastCPUs, mostCPUs))
	case l.PIDs < 0:
		return bad(fmt.Sprintf("%s %d", fault.Field("PIDs"), l.PIDs), "want 1 or more")
	case l.PIDs > mostPIDs:
		return bad(fmt.Sprintf("%s %d", fault.Field("PIDs"), l.PIDs), fmt.Sprintf("Linux has at most %d", mostPIDs))
	}
	return nil
}

// resources are the limits in the words of the library. disk is the device whose I/O is
// bounded.
func (l Limits) resources(disk blockDevice) *cgroups.Resources {
	r := &cgroups.Resources{SkipDevices: true} // see package rights: no device can be made
	r.Memory = int64(l.Memory)
	r.MemorySwap = int64(l.Memory) // memory and swap together: no swap
	if l.CPUs != 0 {
		r.CpuPeriod, r.CpuQuota = cpuPeriod, int64(l.CPUs*cpuPeriod)
	}
	if l.PIDs != 0 {
		r.PidsLimit = &l.PIDs
	}
	throttle := func(rate uint64) []*cgroups.ThrottleDevice {
		if rate == 0 {
			return nil
		}
		return []*cgroups.ThrottleDevice{cgroups.NewThrottleDevice(disk.major, disk.minor, rate)}
	}
	r.BlkioThrottleReadBpsDevice = throttle(l.ReadBPS)
	r.BlkioThrottleWriteBpsDevice = throttle(l.WriteBPS)
	return r
}

// blockDevice is a device's numbers.
type blockDevice struct{ major, minor int64 }

// diskOf is the disk that holds a directory: the whole one, since a partition has no
// queue whose rate could be bounded.
func diskOf(dir string) (blockDevice, error) {
	var st unix.Stat_t
	if err := unix.Stat(dir, &st); err != nil {
		return blockDevice{}, &os.PathError{Op: "stat", Path: dir, Err: err}
	}
	d := blockDevice{int64(unix.Major(st.Dev)), int64(unix.Minor(st.Dev))}
	sys := fmt.Sprintf("/sys/dev/block/%d:%d", d.major, d.minor)
	device, err := filepath.EvalSymlinks(sys)
	if err != nil {
		return d, &fault.Error{Class: fault.Usage, Thing: ioFields(), Cause: "the root is on no disk",
			Mend: "put it on one, or leave the limit out"}
	}
	if _, err := os.Stat(filepath.Join(device, "partition")); err != nil {
		return d, nil
	}
	numbers, err := os.ReadFile(filepath.Join(filepath.Dir(device), "dev"))
	if err != nil {
		return d, err
	}
	return parseDevice(string(numbers))
}

// parseDevice reads "major:minor".
func parseDevice(s string) (blockDevice, error) {
	major, minor, _ := strings.Cut(strings.TrimSpace(s), ":")
	a, err := strconv.ParseUint(major, 10, 32)
	b, err2 := strconv.ParseUint(minor, 10, 32)
	return blockDevice{int64(a), int64(b)}, errors.Join(err, err2)
}
