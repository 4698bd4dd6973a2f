package container

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Usage is what a container uses.
type Usage struct {
	CPU           time.Duration
	Memory        uint64 // bytes
	Read, Written uint64 // bytes from the host's disks and to them so far
}

// Usage says what the container uses: what its control groups count, and what they do not, by its processes. Processor time
// of processes that nobody inside has waited for is not in that.
func (k *Container) Usage() (Usage, error) {
	list, err := k.processes()
	if err != nil {
		return Usage{}, err
	}
	u := Usage{CPU: time.Duration(k.spent.Load())}
	for _, pid := range list {
		u.add(pid)
	}
	k.groups.count(&u)
	return u, nil
}

// tick is the unit of times in /proc/PID/stat: USER_HZ, 100 a second on this architecture.
const tick = time.Second / 100

func (u *Usage) add(pid int) {
	if stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err == nil { // or it has ended
		s := string(stat)
		for i := range 4 {
			u.CPU += time.Duration(parseStat(s, statTimes+i)) * tick
		}
		u.Memory += parseStat(s, statPages) * uint64(os.Getpagesize())
	}
	if io, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", pid)); err == nil {
		u.Read += counted(io, "read_bytes:")
		u.Written += counted(io, "write_bytes:")
	}
}

// count puts what the groups count in the place of what is known of processes that are there now.
func (g *groups) count(u *Usage) {
	for _, dir := range g.dirs() {
		read := func(name string) []byte {
			b, _ := os.ReadFile(filepath.Join(dir, name)) // another controller's
			return b
		}
		if n := counted(read("cpu.stat"), "usage_usec"); n > 0 { // version 2
			u.CPU = time.Duration(n) * time.Microsecond
		}
		for _, name := range []string{"memory.current", "memory.usage_in_bytes"} {
			if n, err := strconv.ParseUint(strings.TrimSpace(string(read(name))), 10, 64); err == nil {
				u.Memory = n
			}
		}
	}
}

// counted is the number behind a name at the start of a line.
func counted(text []byte, name string) uint64 {
	for line := range bytes.Lines(text) {
		if f := bytes.Fields(line); len(f) == 2 && string(f[0]) == name {
			n, _ := strconv.ParseUint(string(f[1]), 10, 64) // what is no number counts as none
			return n
		}
	}
	return 0
}

// processes finds the container's: those in its namespace of process numbers.
func (k *Container) processes() (list []int, err error) {
	var first unix.Stat_t
	if err := unix.Stat(fmt.Sprintf("/proc/%d/ns/pid", k.Pid()), &first); err != nil {
		return nil, ErrEnded
	}
	dir, err := os.Open("/proc")
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	for _, name := range names {
		pid, bad := strconv.Atoi(name)
		var st unix.Stat_t
		if bad == nil && unix.Stat("/proc/"+name+"/ns/pid", &st) == nil && st.Ino == first.Ino && st.Dev == first.Dev {
			list = append(list, pid)
		}
	}
	return list, err
}
