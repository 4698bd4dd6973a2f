package smaps

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

// Memory is a virtual machine monitor's memory, in bytes. Pss counts a page that n
// processes share as an n-th (proc_pid_smaps(5)).
type Memory struct {
	PrivateDirty uint64 // outside guest RAM
	GuestRAM     uint64 // private dirty pages of guest RAM
	Rss, Pss     uint64 // outside guest RAM
	GuestPss     uint64
	Mappings     []Mapping
}

// Mapping is one line of /proc/PID/smaps with its private dirty bytes.
type Mapping struct {
	Name         string `json:"name"`
	Size         uint64 `json:"size"`
	PrivateDirty uint64 `json:"private_dirty"`
	rss, pss     uint64
}

// Read reads a process's memory. Guest RAM is the mapping of exactly ram bytes.
func Read(pid int, ram uint64) (Memory, error) {
	path := fmt.Sprintf("/proc/%d/smaps", pid)
	f, err := os.Open(path)
	if err != nil {
		return Memory{}, err
	}
	defer f.Close()
	maps, err := parseSmaps(f)
	if err != nil {
		return Memory{}, fmt.Errorf("read %s: %w", path, err)
	}
	return sum(maps, ram)
}

func sum(maps []Mapping, ram uint64) (Memory, error) {
	var m Memory
	found := 0
	for _, v := range maps {
		if v.Size == ram {
			found++
			m.GuestRAM += v.PrivateDirty
			m.GuestPss += v.pss
			continue
		}
		m.PrivateDirty += v.PrivateDirty
		m.Rss += v.rss
		m.Pss += v.pss
		if v.PrivateDirty > 0 {
			m.Mappings = append(m.Mappings, v)
		}
	}
	if found != 1 {
		return m, fmt.Errorf("%d mappings have the size of guest RAM, %d bytes: want one", found, ram)
	}
	return m, nil
}

// parseSmaps reads proc_pid_smaps(5): for each mapping a line as in maps, then lines
// of "Name: value kB".
func parseSmaps(r io.Reader) ([]Mapping, error) {
	var maps []Mapping
	s := bufio.NewScanner(r)
	for s.Scan() {
		f := strings.Fields(s.Text())
		if len(f) == 0 {
			continue
		}
		key, isField := strings.CutSuffix(f[0], ":")
		if !isField {
			maps = append(maps, Mapping{Name: name(f)})
			continue
		}
		if len(maps) == 0 || len(f) != 3 || f[2] != "kB" {
			continue // VmFlags and the like
		}
		kib, err := strconv.ParseUint(f[1], 10, 54)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f[0], err)
		}
		maps[len(maps)-1].set(key, kib<<10)
	}
	return maps, s.Err()
}

// name is what a mapping's line ends with: a path, a name in brackets, or nothing.
func name(fields []string) string {
	const before = 5 // addresses, rights, offset, device, inode
	if len(fields) <= before {
		return "anonymous"
	}
	return strings.Join(fields[before:], " ")
}

func (m *Mapping) set(key string, bytes uint64) {
	switch key {
	case "Size":
		m.Size = bytes
	case "Private_Dirty":
		m.PrivateDirty = bytes
	case "Rss":
		m.rss = bytes
	case "Pss":
		m.pss = bytes
	}
}

// Rollup is the proportional set size of a whole process, in bytes.
func Rollup(pid int) (uint64, error) {
	path := fmt.Sprintf("/proc/%d/smaps_rollup", pid)
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	maps, err := parseSmaps(f)
	if err == nil && len(maps) != 1 {
		err = errors.New("not one summary")
	}
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", path, err)
	}
	return maps[0].pss, nil
}
