package exercise

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
)

const (
	readPaging = sdm + " (volume 3, 4.5, 4-Level Paging)"
	readIA32e  = sdm + " (volume 3, 10.8.5, Initializing IA-32e Mode)"
)

// longMode is exercise 3: into 64-bit mode.
func longMode() *Exercise {
	return &Exercise{Number: 3, Name: "03-long-mode", Title: "long mode", Checks: []Check{
		{Name: "the tables", Points: 4, Do: pageTables},
		{Name: "the registers", Points: 3, Do: longRegisters},
		{Name: "64-bit code", Points: 3, KVM: true, Do: longCode},
	}}
}

const (
	longRAM  = 8 << 20
	hugePage = 2 << 20
)

// mapping is what tables are to map.
type mapping struct {
	At   uint64 `json:"at"`
	Virt uint64 `json:"virt"`
	Phys uint64 `json:"phys"`
	Size uint64 `json:"size"`
}

// newMapping draws one, of four MiB of the eight, with tables in the first two. High says that it is in the upper half.
func newMapping(r *rand.Rand, high bool) mapping {
	m := mapping{At: 0x100000 + r.Uint64N(0x80000), Size: 2 * hugePage, Phys: hugePage * (1 + r.Uint64N(2))}
	m.Virt = r.Uint64N(1<<46) &^ (hugePage - 1)
	if high {
		m.Virt |= 0xffff800000000000
	}
	return m
}

func (m mapping) String() string {
	return fmt.Sprintf("virtual %s to physical %s, tables at %s", hex(m.Virt), hex(m.Phys), hex(m.At))
}

// pageTables has tables written, and walks them as a processor does. No KVM is needed for that.
func pageTables(s Subject) error {
	for _, kind := range []struct{ high, aligned, border bool }{{}, {aligned: true}, {high: true, aligned: true}, {high: true}, {border: true}} {
		m := newMapping(s.Rand(), kind.high)
		m.At |= 8
		if kind.aligned {
			m.At &^= 0xfff
		}
		if kind.border { // one half below a boundary of 1 GiB, one above
			m.Virt = m.Virt&^(1<<30-1) + 1<<30 - hugePage
		}
		if err := walkTables(s, m); err != nil {
			return err
		}
	}
	return nil
}

func walkTables(s Subject, m mapping) error {
	memory, err := newRAM(longRAM)
	if err != nil {
		return err
	}
	defer memory.Close()
	noise := make([]byte, 64<<10)
	for i := range noise {
		noise[i] = byte(s.Rand().Uint32())
	}
	if err := memory.put(int64(m.At), noise); err != nil {
		return err
	}
	var cr3 uint64
	if err := s.Ask(Question{Op: "tables", Args: m, Files: []*os.File{memory.File}}, &cr3); err != nil {
		return err
	}
	if cr3 == 0 {
		return unwritten("PageTables", readPaging)
	}
	for _, off := range []uint64{0, 8, s.Rand().Uint64N(m.Size), m.Size - 1} {
		phys, why := walk(memory.get, cr3, m.Virt+off)
		if why == "" && phys == m.Phys+off {
			continue
		}
		w := &Wrong{
			Seen:     fmt.Sprintf("%v: a walk from CR3 %s for %s: %s", m, hex(cr3), hex(m.Virt+off), why),
			Expected: "physical " + hex(m.Phys+off), Cause: whyNoWalk(memory, cr3, m, off, why), Read: readPaging,
		}
		if why == "" {
			w.Seen = fmt.Sprintf("%v: a walk from CR3 %s leads from %s to %s", m, hex(cr3), hex(m.Virt+off), hex(phys))
		}
		return w
	}
	return outsideTables(memory, cr3, m)
}

// outsideTables looks whether more is mapped than was asked for.
func outsideTables(memory ram, cr3 uint64, m mapping) error {
	for _, v := range []uint64{m.Virt - 1, m.Virt + m.Size, m.Virt ^ 1<<45, m.Virt ^ 1<<35} {
		phys, why := walk(memory.get, cr3, v)
		if why == "" {
			return &Wrong{
				Seen: fmt.Sprintf("%v: %s leads to %s", m, hex(v), hex(phys)), Expected: "it is not mapped",
				Cause: "more is mapped than was asked for: entries that are not used must be 0, and the memory was not empty before", Read: readPaging,
			}
		}
	}
	return nil
}

// whyNoWalk finds the one cause of a walk that does not come to its end, or to another.
func whyNoWalk(memory ram, cr3 uint64, m mapping, off uint64, why string) string {
	first := m.Virt >> 39 & 511
	entry, err := memory.get(int64(cr3&pteAddress+first%256*8), 1)
	switch {
	case strings.Contains(why, "not aligned"):
		return "the tables are not aligned: round the address up to a multiple of 4096"
	case first >= 256 && strings.Contains(why, "PML4") && err == nil && entry[0]&ptePresent != 0:
		return "the wrong entry of the first table is filled: its index is bits 39 to 47 of the address, all nine of them"
	case strings.Contains(why, "page table"):
		return "an entry of the page directory lacks bit 7, PS: without it the processor takes the 2 MiB for a table of 512 small pages"
	case strings.Contains(why, "bit 7"):
		return "bit 7 is set in the first table: only entries that map a page have it"
	case strings.Contains(why, "writing"):
		return "an entry on the way lacks bit 1: a page can be written to if all entries that lead to it allow that"
	case strings.Contains(why, "reserved"):
		return "the memory for a table was not cleared: what lay there is taken for entries"
	case off >= hugePage && strings.Contains(why, "not present"):
		return "only the beginning is mapped: each 2 MiB needs an entry of its own, and beyond a boundary of 1 GiB another page directory"
	case strings.Contains(why, "not present"):
		return "an entry on the way is not present (bit 0): the indices are bits 39 to 47, 30 to 38 and 21 to 29 of the virtual address"
	}
	return "the tables lead elsewhere: an entry has the physical address of what it points at, and the last one that of the page"
}

// longRegisters looks at the registers. KVM itself refuses some that no processor has, and does not say why.
func longRegisters(s Subject) error {
	before := afterReset()
	cr3 := 0x1000 * (1 + s.Rand().Uint64N(1000))
	var after sregs
	if err := s.Ask(Question{Op: "long", Args: map[string]any{"sregs": before, "cr3": cr3}}, &after); err != nil {
		return err
	}
	if after == before {
		return unwritten("LongMode", readIA32e)
	}
	w := &Wrong{
		Seen: fmt.Sprintf("CR0 %s, CR3 %s, CR4 %s, EFER %s; CS: L %d, D %d, type %d, S %d, present %d", hex(after.CR0), hex(after.CR3), hex(after.CR4),
			hex(after.EFER), after.CS.L, after.CS.DB, after.CS.Type, after.CS.S, after.CS.Present),
		Expected: fmt.Sprintf("CR0.PE and PG, CR3 %s, CR4.PAE, EFER.LME and LMA; CS: L 1, D 0, type 11, S 1, present 1", hex(cr3)),
		Read:     readIA32e,
	}
	w.Cause = whyNotLong(before, after, cr3)
	if w.Cause == "" {
		return nil
	}
	return w
}

func whyNotLong(before, after sregs, cr3 uint64) string {
	has := func(v, bit uint64) bool { return v&bit != 0 }
	switch {
	case !has(after.CR0, cr0PE):
		return "CR0.PE is clear: there is no paging without protected mode"
	case !has(after.CR0, cr0PG):
		return "CR0.PG is clear: EFER.LMA says that long mode is active, and that is paging with four levels; a processor has LMA only with PG"
	case !has(after.CR4, cr4PAE):
		return "CR4.PAE is clear: long mode's tables have entries of 8 bytes, and a processor refuses to turn paging on with LME and without PAE"
	case !has(after.EFER, eferLME):
		return "EFER.LME is clear: it asks for long mode"
	case !has(after.EFER, eferLMA):
		return "EFER.LMA is clear: a processor sets it when paging is turned on with LME; KVM_SET_SREGS turns nothing on, so you do that"
	case after.CR3 != cr3:
		return "CR3 is not what PageTables gave"
	case after.CS.L == 1 && after.CS.DB == 1:
		return "CS has both L and D: L says 64-bit code, D says 32-bit code, and both at once is reserved"
	case after.CS.L == 0:
		return "CS.L is clear: that is compatibility mode, in which 32-bit code runs under a 64-bit kernel"
	case after.CS.Type&8 == 0, after.CS.S != 1, after.CS.Present != 1:
		return "CS is no code segment that is present: type 11, S 1, present 1"
	case after.CS.DPL != 0, after.SS.DPL != 0 && after.SS.Unusable == 0:
		return "CS or SS has a privilege level other than 0: the mapping is the kernel's"
	case after.APICBase != before.APICBase, after.GDT != before.GDT:
		return "registers have changed that long mode has nothing to do with: begin with the Sregs that you are given"
	}
	return ""
}

// longCode has 64-bit code run where the tables put it.
func longCode(s Subject) error {
	for _, high := range []bool{false, true} {
		m := newMapping(s.Rand(), high)
		m.At |= 0x10
		if err := runLong(s, m); err != nil {
			return err
		}
	}
	return nil
}

func runLong(s Subject, m mapping) error {
	memory, err := newRAM(longRAM)
	if err != nil {
		return err
	}
	defer memory.Close()
	r := s.Rand()
	entry, at := r.Uint64N(0x10000), 0x20000+8*r.Uint64N(0x1000)
	g := newSum64(r, 4+r.IntN(10))
	g.store(m.Virt + at)
	g.halt()
	if err := memory.put(int64(m.Phys+entry), g.code); err != nil {
		return err
	}
	args := struct {
		mapping
		RIP uint64 `json:"rip"`
	}{m, m.Virt + entry}
	var a ran
	if err := s.Ask(Question{Op: "run", Args: args, Files: []*os.File{s.KVM(), memory.File}}, &a); err != nil {
		return err
	}
	got, err := memory.get(int64(m.Phys+at), 8)
	if err != nil || a.Error == "" && a.Exit == exitHLT && bytes.Equal(got, g.bytes()) {
		return err
	}
	w := &Wrong{
		Seen:     fmt.Sprintf("%v: exit %d, error %q, RIP %s, CR2 %s; in memory: % x", m, a.Exit, a.Error, hex(a.Regs.RIP), hex(a.Sregs.CR2), got),
		Expected: fmt.Sprintf("exit %d (HLT); in memory: % x", exitHLT, g.bytes()), Read: readIA32e,
	}
	switch {
	case strings.Contains(a.Error, "KVM_SET_SREGS"):
		w.Cause = "KVM refuses the registers: no processor has this combination of CR0, CR4, EFER and CS"
	case a.Exit == exitShutdown:
		w.Cause = "a triple fault: the first instruction could not be fetched, and there is no handler for that; CR2 is the address, if it was a page fault"
	case a.Exit == exitHLT:
		w.Cause = "the guest halted, but did not compute: in another mode the same bytes are other instructions"
	default:
		w.Cause = "the guest left for another reason than HLT"
	}
	return w
}
