package report

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"terem/internal/compare/result"
)

// hostName is the entry of result.Inside that has the host's own namespaces.
const hostName = "host"

// within is the table of what the kernel saw.
type within struct {
	Kinds []string // of namespaces
	Rows  []inner
}

type inner struct {
	Of                                  result.Target
	Spaces                              []space
	Syscalls, Processes, Threads, Exits string
	Top                                 string
	Cgroups                             []string
	Note                                string
}

// space is one namespace: whether the target has its own, and its inode's number.
type space struct {
	Kind  string
	Own   bool
	Known bool
	Inode string
}

func insides(r *result.Result) within {
	host := map[string]string{}
	seen := map[string]bool{}
	for _, i := range r.Inside {
		if i.Target == hostName {
			host = i.Namespaces
		}
		for kind := range i.Namespaces {
			seen[kind] = true
		}
	}
	w := within{Kinds: slices.Sorted(maps.Keys(seen))}
	for _, i := range r.Inside {
		if i.Target != hostName {
			w.Rows = append(w.Rows, newInner(r, i, w.Kinds, host))
		}
	}
	for i, k := range w.Kinds {
		w.Kinds[i] = clean(k, nameLimit)
	}
	return w
}

func newInner(r *result.Result, i result.Inside, kinds []string, host map[string]string) inner {
	n := inner{Of: target(r, i.Target), Syscalls: count(i.Syscalls), Processes: count(uint64(max(i.Processes, 0))),
		Threads: count(uint64(max(i.Threads, 0))), Exits: count(i.Exits), Note: clean(i.Note, lineLimit)}
	for _, k := range kinds {
		inode, known := i.Namespaces[k]
		n.Spaces = append(n.Spaces, space{clean(k, nameLimit), known && inode != host[k], known, clean(inode, nameLimit)})
	}
	var top []string
	for _, c := range i.TopCalls {
		top = append(top, fmt.Sprintf("%s %s", clean(c.Name, nameLimit), count(c.Count)))
	}
	n.Top = strings.Join(top, ", ")
	for _, c := range i.Cgroups {
		n.Cgroups = append(n.Cgroups, clean(c, lineLimit))
	}
	return n
}

// count shows a number with its digits in threes; 0 means that it was not counted.
func count(n uint64) string {
	if n == 0 {
		return "–"
	}
	const group = 3
	s := strconv.FormatUint(n, 10)
	var b strings.Builder
	for i, digit := range s {
		if i > 0 && (len(s)-i)%group == 0 {
			b.WriteRune(thin)
		}
		b.WriteRune(digit)
	}
	return b.String()
}
