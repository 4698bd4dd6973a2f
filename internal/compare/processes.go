package compare

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// processes knows which of the host's processes a comparison has made. Engines leave
// helpers behind that nobody waits for; they come to this process, which asks for that
// (prctl(2), PR_SET_CHILD_SUBREAPER).
type processes struct {
	adopting bool
}

func newProcesses() *processes {
	return &processes{adopting: unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == nil}
}

// proc is one line of the table of processes.
type proc struct {
	pid, parent int
	name        string // of the program, at most 15 bytes
	dead        bool   // it waits to be waited for
}

// table reads all processes; those that end meanwhile are left out.
func table() []proc {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is well formed
	var all []proc
	for _, path := range stats {
		b, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		if p, ok := parseStat(string(b)); ok {
			all = append(all, p)
		}
	}
	return all
}

// parseStat reads the beginning of proc_pid_stat(5): "pid (name) state parent".
func parseStat(s string) (p proc, ok bool) {
	open, shut := strings.IndexByte(s, '('), strings.LastIndexByte(s, ')')
	if open < 1 || shut < open {
		return p, false
	}
	f := strings.Fields(s[shut+1:])
	if len(f) < 2 {
		return p, false
	}
	var err, err2 error
	p.pid, err = strconv.Atoi(strings.TrimSpace(s[:open]))
	p.parent, err2 = strconv.Atoi(f[1])
	p.name, p.dead = s[open+1:shut], f[0] == "Z"
	return p, err == nil && err2 == nil
}

// below gives the processes that descend from one, itself left out.
func below(all []proc, root int) []proc {
	var found []proc
	family := []int{root}
	for len(family) > 0 {
		parent := family[0]
		family = family[1:]
		for _, p := range all {
			if p.parent == parent && p.pid != root {
				found = append(found, p)
				family = append(family, p.pid)
			}
		}
	}
	return found
}

// ours are the processes that live and descend from this one.
func ours() []proc {
	return slices.DeleteFunc(below(table(), os.Getpid()), func(p proc) bool { return p.dead })
}

// reap waits for the dead that were adopted. It must not be called while a program that
// somebody else waits for may be dead.
func (s *processes) reap() {
	for _, p := range below(table(), os.Getpid()) {
		if p.dead && p.parent == os.Getpid() {
			_, _ = unix.Wait4(p.pid, nil, unix.WNOHANG, nil) // another may have waited
		}
	}
}

// sweep kills what lives still at the end, says what it was, and waits until it is gone.
func (s *processes) sweep() error {
	if !s.adopting {
		return nil
	}
	const patience = 100
	var names []string
	for range patience {
		s.reap()
		left := ours()
		if len(left) == 0 {
			break
		}
		for _, p := range left {
			names = append(names, fmt.Sprintf("%s (%d)", p.name, p.pid))
			_ = unix.Kill(p.pid, unix.SIGKILL) // it may have ended
		}
		time.Sleep(20 * time.Millisecond)
	}
	if len(ours()) > 0 {
		slices.Sort(names)
		return errors.New("these would not end: " + strings.Join(slices.Compact(names), ", "))
	}
	return nil
}
