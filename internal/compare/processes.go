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

// marker is the variable in the environment of everything that a comparison starts. Engines
// leave helpers behind that descend from nobody; their environment tells whose they are.
const marker = "TEREM_COMPARE="

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

// marked are the processes that live and bear the marker or the ID, and those that descend
// from them: a container's own program has another environment. Some engines give their
// helpers an empty environment, but name the container in their arguments.
func marked(all []proc, id string) []proc {
	var found []proc
	for _, p := range all {
		if p.pid != os.Getpid() && p.bears(id) {
			found = append(found, p)
			found = append(found, below(all, p.pid)...)
		}
	}
	return living(found)
}

func (p proc) bears(id string) bool {
	env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", p.pid))
	if err == nil && slices.Contains(strings.Split(string(env), "\x00"), marker+id) {
		return true
	}
	argv, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.pid))
	return err == nil && strings.Contains(string(argv), id)
}

// living sorts processes, names each once, and leaves the dead out.
func living(list []proc) []proc {
	slices.SortFunc(list, func(a, b proc) int { return a.pid - b.pid })
	list = slices.CompactFunc(list, func(a, b proc) bool { return a.pid == b.pid })
	return slices.DeleteFunc(list, func(p proc) bool { return p.dead })
}

// sweep kills what lives still at the end, and waits until it is gone.
func sweep(id string, say func(string)) error {
	const patience = 100
	var names []string
	for range patience {
		left := marked(table(), id)
		if len(left) == 0 {
			break
		}
		for _, p := range left {
			names = append(names, fmt.Sprintf("%s (%d)", p.name, p.pid))
			_ = unix.Kill(p.pid, unix.SIGKILL) // it may have ended
		}
		time.Sleep(20 * time.Millisecond)
	}
	slices.Sort(names)
	if all := strings.Join(slices.Compact(names), ", "); len(marked(table(), id)) > 0 {
		return errors.New("these would not end: " + all)
	} else if all != "" {
		say("killed what an engine had left behind: " + all)
	}
	return nil
}
