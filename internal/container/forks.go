package container

import (
	"os"
	"path/filepath"
)

// ForksRefused is how many processes and threads the limit on them did not let start (cgroup-v2.rst, pids.events). It is 0 where there
// is no limit, and after Wait.
func (k *Container) ForksRefused() (n uint64) {
	for _, dir := range k.groups.dirs() {
		if b, err := os.ReadFile(filepath.Join(dir, "pids.events")); err == nil { // or it is another controller's
			n += counted(b, "max")
		}
	}
	return n
}
