package container

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Ceilings are what can be bounded without control groups, which need root: less than Limits, since each process has its own. Zero is no
// bound.
type Ceilings struct {
	// Data is bytes of private memory that a process may have (RLIMIT_DATA), and of a file that it writes (RLIMIT_FSIZE). Memory that it
	// maps as shared (MAP_SHARED, memfd) is under no ceiling.
	Data uint64
	// Processes is how many processes and threads a user of the container's may have (RLIMIT_NPROC), from Linux 5.14 on: earlier
	// ones count those of the user outside, with all that he has running, so there is no such ceiling there.
	Processes uint64
	Tmp       uint64 // bytes in /tmp, where that is in memory
}

// setCeilings is a step of the first stage.
func (s *stage) setCeilings() error {
	processes := s.Ceilings.Processes
	if processes != 0 && !countsInside(release()) {
		processes = 0
	}
	for _, c := range []struct {
		resource int
		most     uint64
	}{{unix.RLIMIT_DATA, s.Ceilings.Data}, {unix.RLIMIT_FSIZE, s.Ceilings.Data}, {unix.RLIMIT_NPROC, processes}} {
		if c.most == 0 {
			continue
		}
		if err := unix.Setrlimit(c.resource, &unix.Rlimit{Cur: c.most, Max: c.most}); err != nil {
			return os.NewSyscallError("setrlimit", err)
		}
	}
	return nil
}

// countsInside says whether a kernel counts a user's processes in the namespace of users (5.14, kernel/ucount.c). What is no version is
// taken for an early one.
func countsInside(release string) bool {
	var major, minor int
	if _, err := fmt.Sscanf(release, "%d.%d", &major, &minor); err != nil {
		return false
	}
	return major > 5 || major == 5 && minor >= 14
}

// release is that of the kernel, "" if it does not say.
func release() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Release[:])
}
