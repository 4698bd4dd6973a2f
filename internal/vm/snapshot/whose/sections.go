package whose

import (
	"encoding/binary"
	"fmt"

	"terem/memory"
)

// section is a part of a kernel: addresses of System.map from start to end, which are that far from where they are mapped.
type section struct {
	owner      string
	start, end uint64
	offset     uint64
}

// maxSection bounds a part of a kernel: its edges may be from another kernel's map.
const maxSection = 1 << 30

// sections are those that keep their memory. What is of use only at boot is given to whoever wants it later.
func (k *kernel) sections() (all []section) {
	for _, s := range [][3]string{
		{"kernel code", "_stext", "_etext"},
		{"kernel constants", "__start_rodata", "__end_rodata"},
		{"kernel variables", "_sdata", "_edata"},
		{"kernel variables, zero at first", "__bss_start", "__bss_stop"},
	} {
		start, ok1 := k.at[s[1]]
		end, ok2 := k.at[s[2]]
		if ok1 && ok2 && start < end && end-start <= maxSection {
			all = append(all, section{s[0], start, end, 0})
		}
	}
	return all
}

// perCPU are the variables that each CPU has of its own: the kernel notes how far each one's are from their addresses.
func (k *kernel) perCPU(t *tables, cpus int) (all []section) {
	start, ok1 := k.at["__per_cpu_start"]
	end, ok2 := k.at["__per_cpu_end"]
	offsets, ok3 := k.at["__per_cpu_offset"]
	if !ok1 || !ok2 || !ok3 || start >= end || end-start > maxSection {
		return nil
	}
	for cpu := range cpus {
		var b [8]byte
		if !t.read(offsets+8*uint64(cpu), b[:]) {
			break
		}
		all = append(all, section{fmt.Sprintf("kernel variables of CPU %d", cpu), start, end, binary.LittleEndian.Uint64(b[:])})
	}
	return all
}

// claimSection gives a section its pages, and sees which variables in them have changed.
func (r *teller) claimSection(k *kernel, t *tables, s section) {
	const mask = memory.PageSize - 1
	for virt := (s.start + s.offset) &^ mask; virt < (s.end+s.offset+mask)&^mask && r.steps > 0; virt += memory.PageSize {
		r.steps--
		a, ok := t.translate(virt)
		if !ok {
			continue
		}
		if i, ok := r.find(a &^ mask); ok && r.owner[i] == "" {
			r.owner[i] = s.owner
			r.nameChanges(k, s, virt-s.offset, r.pages[i].Addr)
		}
	}
}

// nameChanges adds up the bytes of each variable of a page that differ. virt is its address in the System.map.
func (r *teller) nameChanges(k *kernel, s section, virt uint64, a memory.Addr) {
	var was, is [memory.PageSize]byte
	if r.before.Page(a, was[:]) != nil || r.after.RAM.Page(a, is[:]) != nil {
		return
	}
	counts := r.symbols[s.owner]
	if counts == nil {
		counts = map[string]int{}
		r.symbols[s.owner] = counts
	}
	for i := range is {
		at := virt + uint64(i)
		if was[i] != is[i] && at >= s.start && at < s.end {
			counts[k.within(at, s.start, s.end)]++
		}
	}
}
