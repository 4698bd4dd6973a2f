package container

import (
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Users by name, as the container's /etc/passwd and /etc/group have them: both are whatever somebody in the container has
// written there. The rules are those of docs/agent.md.

// account is a user.
type account struct {
	uid, gid   uint32
	groups     []uint32 // further ones
	name, home string
}

const (
	maxAccounts = 64 << 10 // bytes of a file that are looked at
	maxGroups   = 64
)

// findAccount finds a user in the root of this process: name or number, and a group behind a colon.
func findAccount(spec string) (account, error) {
	return lookupAccount(spec, contents("/etc/passwd"), contents("/etc/group"))
}

// contents is the beginning of a file, or nothing. It does not wait for a pipe's other end.
func contents(name string) string {
	fd, err := openInside(name, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY)
	if err != nil {
		return ""
	}
	f := os.NewFile(uintptr(fd), name)
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return ""
	}
	b, _ := io.ReadAll(io.LimitReader(f, maxAccounts)) // what cannot be read is not there
	return string(b)
}

func lookupAccount(spec, passwd, group string) (a account, err error) {
	name, its, grouped := strings.Cut(spec, ":")
	if a, err = lookupUser(name, passwd); err != nil {
		return a, err
	}
	for line := range strings.Lines(group) {
		f := strings.Split(strings.TrimSpace(line), ":") // name, password, number, members
		if len(f) < 3 {
			continue
		}
		gid, ok := parseNumber(f[2])
		switch {
		case !ok:
		case grouped && f[0] == its:
			a.gid = gid
			return a, nil
		case !grouped && len(f) > 3 && a.name != "" && slices.Contains(strings.Split(f[3], ","), a.name) && len(a.groups) < maxGroups:
			a.groups = append(a.groups, gid)
		}
	}
	if grouped {
		var ok bool
		if a.gid, ok = parseNumber(its); !ok {
			return a, unix.ENOENT
		}
	}
	return a, nil
}

// lookupUser finds a line of name, password, number, group, comment, home, shell. A number needs none.
func lookupUser(wanted, passwd string) (account, error) {
	number, numeric := parseNumber(wanted)
	for line := range strings.Lines(passwd) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), ":")
		if len(f) < 4 {
			continue
		}
		uid, ok := parseNumber(f[2])
		if !ok || f[0] != wanted && !(numeric && uid == number) {
			continue
		}
		a := account{uid: uid, gid: uid, name: f[0], home: "/"}
		if gid, ok := parseNumber(f[3]); ok {
			a.gid = gid
		}
		if len(f) > 5 && f[5] != "" {
			a.home = f[5]
		}
		return a, nil
	}
	if !numeric {
		return account{}, unix.ENOENT
	}
	return account{uid: number, home: "/"}, nil
}

// parseNumber reads a user's or a group's. The last one means "no change" to system calls.
func parseNumber(s string) (uint32, bool) {
	n, err := strconv.ParseUint(s, 10, 32)
	return uint32(n), err == nil && n < 1<<32-1 && s[0] != '+'
}

func (a *account) environment(env []string) []string {
	env = setVariable(env, "HOME="+a.home)
	if a.name != "" {
		env = setVariable(setVariable(env, "USER="+a.name), "LOGNAME="+a.name)
	}
	return env
}

// setVariable replaces a variable, or adds it.
func setVariable(env []string, variable string) []string {
	name, _, _ := strings.Cut(variable, "=")
	env = slices.DeleteFunc(slices.Clone(env), func(old string) bool { return strings.HasPrefix(old, name+"=") })
	return append(env, variable)
}

// become makes this thread the user's.
func (a *account) become() error {
	if err := setGroups(a.groups); err != nil {
		return err
	}
	gid, uid := uintptr(a.gid), uintptr(a.uid)
	if _, _, errno := syscall.RawSyscall(unix.SYS_SETRESGID, gid, gid, gid); errno != 0 {
		return errno
	}
	if _, _, errno := syscall.RawSyscall(unix.SYS_SETRESUID, uid, uid, uid); errno != 0 {
		return errno
	}
	return nil
}
