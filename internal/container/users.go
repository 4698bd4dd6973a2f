package container

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// A user namespace (user_namespaces(7)) gives a container numbers of its own. Started by
// root, numbers 0 to 65535 inside are a range of the host's that nobody else has, so that
// a program which finds a way out is nobody there. The root's files keep their numbers on
// the disk, and the mount of them shifts those; or the container gets a copy that has the
// numbers of the range (copy.go). Started by an ordinary user, there is only one number: 0
// inside is that user outside.

const (
	mappedUsers = 65536
	// firstUser is where the range starts if /etc/subuid gives root none, and nobody else
	// a part of that.
	firstUser = 100_000
)

// identity fills in who the first stage is.
func identity(attr *syscall.SysProcAttr, users Users, privileged bool) {
	if privileged {
		attr.Credential = &syscall.Credential{} // root, and no further groups
	}
	if users == UsersHost {
		return
	}
	attr.Cloneflags |= unix.CLONE_NEWUSER
	if !privileged {
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
		attr.Credential = &syscall.Credential{NoSetGroups: true}
		return
	}
	attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: firstOf("/etc/subuid"), Size: mappedUsers}}
	attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: firstOf("/etc/subgid"), Size: mappedUsers}}
	attr.GidMappingsEnableSetgroups = true
}

// firstOf is the start of root's range in a file such as /etc/subuid.
func firstOf(path string) int {
	f, err := os.Open(path)
	if err != nil {
		return firstUser
	}
	defer f.Close()
	return parseRange(f)
}

// numbers is a range of user or group numbers.
type numbers struct{ start, count uint64 }

// parseRange finds root's first range that is large enough (subuid(5)). If there is none it
// takes one that is nobody's: the first users of most hosts were given the numbers from
// 100000 on, and would be the masters of a container's processes.
func parseRange(r io.Reader) int {
	// Number 2^32-1 means "no change" to system calls.
	const last = 1<<32 - 2
	var others []numbers
	for lines := bufio.NewScanner(r); lines.Scan(); {
		fields := strings.Split(strings.TrimSpace(lines.Text()), ":")
		if len(fields) != 3 {
			continue
		}
		start, err := strconv.ParseUint(fields[1], 10, 32)
		count, err2 := strconv.ParseUint(fields[2], 10, 32)
		if err != nil || err2 != nil {
			continue
		}
		root := fields[0] == "root" || fields[0] == "0"
		if root && start > 0 && count >= mappedUsers && start <= last-mappedUsers {
			return int(start)
		}
		if !root {
			others = append(others, numbers{start, count})
		}
	}
	slices.SortFunc(others, func(a, b numbers) int { return cmp.Compare(a.start, b.start) })
	first := uint64(firstUser)
	for _, o := range others {
		if o.start < first+mappedUsers && first < o.start+o.count {
			first = o.start + o.count
		}
	}
	if first > last-mappedUsers {
		return firstUser // all are somebody's
	}
	return int(first)
}

// CopiedRoot is part of the note of a container whose root is a copy.
const CopiedRoot = "the container has a copy in memory"

// errNoShift is a file system, or a kernel, that cannot show files with other owners.
var errNoShift = errors.New("this kernel cannot shift the owners of files there")

// shiftOwners makes a mount show its files with the numbers of a process's user namespace.
func shiftOwners(tree mount, pid int) error {
	ns, err := os.Open(fmt.Sprintf("/proc/%d/ns/user", pid))
	if err != nil {
		return err
	}
	defer ns.Close()
	attr := &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_IDMAP, Userns_fd: uint64(ns.Fd())}
	switch err = unix.MountSetattr(int(tree), "", unix.AT_EMPTY_PATH, attr); {
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.EOPNOTSUPP),
		errors.Is(err, unix.EPERM): // it is shifted already, for somebody else
		return errNoShift
	}
	return os.NewSyscallError("mount_setattr", err)
}
