package container

import (
	"os"

	"golang.org/x/sys/unix"
)

// Ceilings are what can be bounded without control groups, which need root: less than Limits, since each process has its own. Zero is no
// bound.
type Ceilings struct {
	Data      uint64 // bytes of memory of its own that a process may have (RLIMIT_DATA), and of a file that it writes (RLIMIT_FSIZE)
	Processes uint64 // processes and threads of a user of the container's (RLIMIT_NPROC; counted in a namespace of users since Linux 5.14)
	Tmp       uint64 // bytes in /tmp, where that is in memory
}

// setCeilings is a step of the first stage.
func (s *stage) setCeilings() error {
	for _, c := range []struct {
		resource int
		most     uint64
	}{{unix.RLIMIT_DATA, s.Ceilings.Data}, {unix.RLIMIT_FSIZE, s.Ceilings.Data}, {unix.RLIMIT_NPROC, s.Ceilings.Processes}} {
		if c.most == 0 {
			continue
		}
		if err := unix.Setrlimit(c.resource, &unix.Rlimit{Cur: c.most, Max: c.most}); err != nil {
			return os.NewSyscallError("setrlimit", err)
		}
	}
	return nil
}
