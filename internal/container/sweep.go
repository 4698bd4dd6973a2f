package container

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// A terem that is killed cannot remove the groups it made. The kernel kills the container
// with it; the empty groups are swept by the next terem that makes some. A group's name
// tells whose it is:
//
//	PIDNS-PID-START-RANDOM    namespace of the process numbers (its inode), process
//	                          number, start of the process in clock ticks since boot

// owner is a process, told from a later one of the same number.
type owner struct{ namespace, pid, start uint64 }

// newGroupName is a name for groups of this process.
func newGroupName() string { return nameGroup(ownerOf(os.Getpid())) }

func nameGroup(o owner) string {
	return fmt.Sprintf("%d-%d-%d-%08x", o.namespace, o.pid, o.start, rand.Uint32())
}

// ownerOf describes a process; its start is 0 if there is none.
func ownerOf(pid int) owner {
	o := owner{pid: uint64(pid)}
	var st unix.Stat_t
	if unix.Stat("/proc/self/ns/pid", &st) == nil {
		o.namespace = st.Ino
	}
	if stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err == nil {
		o.start = parseStart(string(stat))
	}
	return o
}

func parseStart(stat string) uint64 { return parseStat(stat, statStart) }

// parseGroupName is the owner that a name tells of.
func parseGroupName(name string) (o owner, ok bool) {
	fields := strings.Split(name, "-")
	const parts, randomDigits = 4, 8
	if len(fields) != parts || len(fields[3]) != randomDigits {
		return owner{}, false
	}
	for i, to := range []*uint64{&o.namespace, &o.pid, &o.start} {
		n, err := strconv.ParseUint(fields[i], 10, 63)
		if err != nil {
			return owner{}, false
		}
		*to = n
	}
	return o, true
}

// sweep removes groups of processes that are no more. A group that is not empty stays:
// rmdir(2) refuses it.
func (g *groups) sweep() {
	for _, parent := range g.parents {
		entries, err := os.ReadDir(parent)
		if err != nil {
			continue // the usual case: nothing is there
		}
		for _, e := range entries {
			o, ok := parseGroupName(e.Name())
			if !ok || !e.IsDir() {
				continue
			}
			now := ownerOf(int(o.pid))
			if o.namespace == now.namespace && o.start != now.start {
				g.remove(filepath.Join(parent, e.Name()))
			}
		}
	}
}

// remove removes a group. What is in a frozen one has been killed, and cannot die before it is thawed; it is removed by who
// comes after that.
func (g *groups) remove(dir string) {
	if unix.Rmdir(dir) != nil && exists(dir, freezeV1) {
		_ = setFrozen(dir, false)
	}
}
