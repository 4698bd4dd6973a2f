package machine

import (
	"math/bits"
	"slices"

	"terem/kvm"
)

// CPUModel is the processor that the guest sees: the host's, with features taken
// away or insisted on. The zero value is the host's.
type CPUModel struct {
	text    string // as it was written
	changes []change
}

type change struct {
	name string
	bit  cpuidBit
	on   bool
}

// cpuidBit is one feature flag: a bit of a register of a CPUID leaf.
type cpuidBit struct {
	leaf, index uint32
	reg         register
	bit         uint8
}

type register uint8

const (
	eax register = iota
	ebx
	ecx
	edx
)

// CPUID leaves (Intel SDM vol. 2A, CPUID; AMD APM vol. 3, appendix E).
const (
	leafFeatures     = 0x1
	leafCaches       = 0x4
	leafExtended     = 0x7
	leafTopology     = 0xb
	leafTopologyV2   = 0x1f
	leafAMDFeatures  = 0x80000001
	leafAMDCores     = 0x80000008
	leafAMDTopology  = 0x8000001e
	bitHTT           = 28 // leaf 1 EDX: the processor count in EBX is valid
	bitHypervisor    = 31 // leaf 1 ECX
	levelThread      = 1  // leaf 0xb ECX[15:8]
	levelCore        = 2
	topologySubleafs = 3
)

// leaves gives the CPUID of vCPU id out of n: host as it is, but for the model's
// changes and for the topology, which is one socket of n cores with one thread
// each. The APIC ID is the vCPU's number.
func (m CPUModel) leaves(host []kvm.CPUIDEntry, id, n int) []kvm.CPUIDEntry {
	out := make([]kvm.CPUIDEntry, 0, len(host)+topologySubleafs)
	for _, e := range host {
		if e.Function == leafTopology || e.Function == leafTopologyV2 {
			continue // made anew below: the host's sub-leaves are not the guest's
		}
		setTopology(&e, uint32(id), uint32(n))
		out = append(out, e)
	}
	if slices.ContainsFunc(host, func(e kvm.CPUIDEntry) bool { return e.Function == leafTopology }) {
		out = append(out, topology(uint32(id), uint32(n))...)
	}
	for _, c := range m.changes {
		c.apply(out)
	}
	withoutClock(out)
	return out
}

func setTopology(e *kvm.CPUIDEntry, id, n uint32) {
	switch e.Function {
	case leafFeatures:
		e.Ebx = e.Ebx&0x0000ffff | min(n, 255)<<16 | id<<24
		e.Ecx |= 1 << bitHypervisor
		e.Edx &^= 1 << bitHTT
		if n > 1 {
			e.Edx |= 1 << bitHTT
		}
	case leafCaches:
		// EAX[31:26]: cores in the package - 1; [25:14]: threads that share the cache - 1.
		const l3 = 3
		level, shared := e.Eax>>5&7, uint32(1)
		if level == l3 {
			shared = n
		}
		e.Eax = e.Eax&0x3fff | (min(n, 64)-1)<<26 | (shared-1)<<14
	case leafAMDCores:
		// ECX[7:0]: threads - 1; [15:12]: width of the core number within the APIC ID.
		e.Ecx = e.Ecx&^0xf0ff | min(n-1, 0xff) | width(n)<<12
	case leafAMDTopology:
		e.Eax, e.Ebx, e.Ecx = id, id, 0 // APIC ID; core ID, one thread; node 0 of 1
	}
}

// width is how many bits of an APIC ID tell n processors apart.
func width(n uint32) uint32 { return uint32(bits.Len32(n - 1)) }

// topology is leaf 0xb: for each level its kind, how many logical processors it
// holds, and how far to shift the APIC ID to get to the next level.
func topology(id, n uint32) []kvm.CPUIDEntry {
	const significantIndex = 1 // KVM_CPUID_FLAG_SIGNIFCANT_INDEX
	leaf := func(index, shift, count, level uint32) kvm.CPUIDEntry {
		return kvm.CPUIDEntry{Function: leafTopology, Index: index, Flags: significantIndex,
			Eax: shift, Ebx: count, Ecx: level<<8 | index, Edx: id}
	}
	return []kvm.CPUIDEntry{
		leaf(0, 0, 1, levelThread),
		leaf(1, width(n), n, levelCore),
		leaf(2, 0, 0, 0),
	}
}

// apply sets or clears the feature where the host has its leaf.
func (c change) apply(leaves []kvm.CPUIDEntry) {
	for i := range leaves {
		e := &leaves[i]
		if e.Function != c.bit.leaf || e.Index != c.bit.index || c.on {
			continue
		}
		*c.bit.reg.of(e) &^= 1 << c.bit.bit
	}
}
