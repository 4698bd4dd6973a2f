package symbols

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// Symbol is a name and where it is.
type Symbol struct {
	Addr uint64
	Kind byte // as nm(1) has it: t and T for code
	Name string
}

// Table is a kernel's symbols in the order of their addresses.
type Table []Symbol

// The largest kernels have some 200,000 symbols.
const (
	maxSymbols = 1 << 20
	maxLine    = 1024
)

// Parse reads System.map: an address, a kind and a name in each line.
func Parse(r io.Reader) (Table, error) {
	var t Table
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, maxLine), maxLine)
	for lines.Scan() {
		s, ok := parseLine(lines.Text())
		if !ok {
			return nil, fmt.Errorf("line %d is no symbol", len(t)+1)
		}
		if len(t) == maxSymbols {
			return nil, fmt.Errorf("more than %d symbols", maxSymbols)
		}
		t = append(t, s)
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(t) == 0 {
		return nil, errors.New("no symbols in it")
	}
	slices.SortStableFunc(t, func(a, b Symbol) int { return cmp.Compare(a.Addr, b.Addr) })
	return t, nil
}

func parseLine(line string) (s Symbol, ok bool) {
	f := strings.Fields(line)
	if len(f) != 3 || len(f[1]) != 1 {
		return s, false
	}
	addr, err := strconv.ParseUint(f[0], 16, 64)
	return Symbol{addr, f[1][0], f[2]}, err == nil
}

// code says whether a symbol names a place in code.
func (s *Symbol) code() bool { return strings.IndexByte("tTwW", s.Kind) >= 0 }

// Code is the part of the table that names code.
func (t Table) Code() Table {
	return slices.DeleteFunc(slices.Clone(t), func(s Symbol) bool { return !s.code() })
}

// Find gives the last symbol that is not behind addr. Of those at one address it is the first, as the kernel has it.
func (t Table) Find(addr uint64) (s Symbol, ok bool) {
	i, exact := slices.BinarySearchFunc(t, addr, func(s Symbol, addr uint64) int { return cmp.Compare(s.Addr, addr) })
	if exact {
		return t[i], true
	}
	if i == 0 {
		return s, false
	}
	for i--; i > 0 && t[i-1].Addr == t[i].Addr; i-- {
	}
	return t[i], true
}

// Name is the symbol with an offset: "start_kernel+0x12"; or the bare address.
func (t Table) Name(addr uint64) string {
	s, ok := t.Find(addr)
	switch {
	case !ok:
		return fmt.Sprintf("%#x", addr)
	case s.Addr == addr:
		return s.Name
	}
	return fmt.Sprintf("%s+%#x", s.Name, addr-s.Addr)
}
