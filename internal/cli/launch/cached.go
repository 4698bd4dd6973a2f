package launch

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"terem/internal/fault"
	"terem/internal/vm/machine"
	"terem/internal/vm/snapshot"
)

// Cached is a snapshot that warm starts begin from.
type Cached struct {
	Name   string
	Used   time.Time // for the last time
	Disk   int64     // bytes that it takes up on the host's disk
	Memory uint64    // bytes of RAM
	CPUs   int
	Whole  bool // it can be read, as far as that is seen without reading all of its memory

	At      string   // the moment: WarmReady or WarmProgram
	Command []string // that stands at its first instruction then
}

// ListCache lists them, the one that was used last first.
func ListCache(cacheDir string) ([]Cached, error) {
	dir := warmCache(cacheDir)
	entries, err := os.ReadDir(dir)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, &fault.Error{Class: fault.Host, Thing: dir, Err: fault.Reason(err)}
	}
	var list []Cached
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		st, err := os.Stat(path)
		if err != nil {
			continue // it has just gone
		}
		c := Cached{Name: e.Name(), Used: st.ModTime(), Disk: takes(path)}
		c.look(path)
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b Cached) int { return b.Used.Compare(a.Used) })
	return list, nil
}

// look reads what the snapshot says of its machine.
func (c *Cached) look(path string) {
	s, err := snapshot.Open(path)
	if err != nil {
		return
	}
	defer s.Close()
	var r request
	if strictly(s.Request, &r) == nil {
		c.Whole, c.Memory, c.CPUs, c.At, c.Command = true, r.Memory, r.CPUs, r.At, r.Command
	}
}

// takes is what the files in a directory take up.
func takes(dir string) (n int64) {
	entries, _ := os.ReadDir(dir) // one that has gone takes nothing
	for _, e := range entries {
		if st, err := e.Info(); err == nil {
			if s, ok := st.Sys().(*syscall.Stat_t); ok {
				n += s.Blocks * 512
			}
		}
	}
	return n
}

// WriteCache prints the list as a table.
func WriteCache(w io.Writer, list []Cached) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "NAME\tUSED\tDISK\tCPUS\tMEMORY\tMOMENT")
	for _, c := range list {
		of := fmt.Sprintf("%d\t%s\t%s", c.CPUs, machine.Bytes(c.Memory), c.moment())
		if !c.Whole {
			of = "-\tnot usable\t-"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", c.Name, c.Used.Format("2006-01-02 15:04"), machine.Bytes(uint64(c.Disk)), of)
	}
	return t.Flush()
}

// commandMost is how much of a command the table has room for.
const commandMost = 60

// moment says where the machine stands, and before which command.
func (c *Cached) moment() string {
	if len(c.Command) == 0 {
		return c.At
	}
	var words []string
	for _, w := range c.Command {
		if q := strconv.Quote(w); w == "" || len(q) != len(w)+2 || strings.ContainsAny(w, " \t'$`*?|&;<>()#~") {
			w = q
		}
		words = append(words, w)
	}
	text := []rune(strings.Join(words, " "))
	if len(text) > commandMost {
		text = append(text[:commandMost-3], []rune("...")...)
	}
	return c.At + " " + string(text)
}

// PruneCache removes all but the keep snapshots that were used last. Machines that run from one go on.
func PruneCache(cacheDir string, keep int) { prune(warmCache(cacheDir), keep) }
