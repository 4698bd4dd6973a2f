package machine

import (
	"math/bits"

	"terem/kvm"
)

// topology is the place of one vCPU: one socket of n cores with one thread each, which share
// the last-level cache and no other. The APIC ID is the vCPU's number.
//
// What KVM lists here is the host's, or that of the processor which the question happened to be asked on, or zero,
// by its version (api.rst, "Known KVM API problems", CPU topology). Nothing of it is kept.
type topology struct {
	amd   bool // as AMD describes it
	id, n uint32
}

const (
	bitHTT       = 28 // leaf 1 EDX: the processor count in EBX is valid
	bitCmpLegacy = 1  // leaf 0x80000001 ECX: ... and counts cores, not threads; AMD
	bitGuest     = 31 // leaf 1 ECX: under a hypervisor

	levelThread    = 1 // leaf 0xb ECX[15:8]
	levelCore      = 2
	topologyLevels = 3 // sub-leaves of it: these two, and the one that ends them
)

// makes says which leaves [topology.levels] makes anew.
func (t topology) makes(function uint32) bool {
	return function == leafTopology || function == leafTopologyV2 || function == leafAMDLevels
}

// set writes the place of the vCPU into a leaf that has to do with it.
func (t topology) set(e *kvm.CPUIDEntry) {
	switch e.Function {
	case leafFeatures:
		e.Ebx = e.Ebx&0x0000ffff | min(t.n, 255)<<16 | t.id<<24
		e.Ecx |= 1 << bitGuest
		e.Edx = withBit(e.Edx, bitHTT, t.n > 1)
	case leafCaches:
		t.setCache(e, !t.amd)
	case leafAMDFeatures:
		e.Ecx = withBit(e.Ecx, bitCmpLegacy, t.amd && t.n > 1)
	case leafAMDCores:
		t.setCores(e)
	case leafAMDCaches:
		t.setCache(e, t.amd)
	case leafAMDTopology:
		// EAX: APIC ID. EBX[7:0]: core, [15:8]: its threads - 1. ECX: node 0 of 1.
		e.Eax, e.Ebx, e.Ecx, e.Edx = t.id, t.id, 0, 0
		if !t.amd {
			e.Eax, e.Ebx = 0, 0
		}
	}
}

// setCache says who shares a cache: the two makers' leaves have the same form.
//
//	EAX  31-26            25-14                  7-5    4-0
//	     cores - 1        threads that share     level  type; 0: the caches end
//	     (Intel's only)   the cache - 1
func (t topology) setCache(e *kvm.CPUIDEntry, defined bool) {
	if !defined || e.Eax&0x1f == 0 {
		e.Eax, e.Ebx, e.Ecx, e.Edx = 0, 0, 0, 0
		return
	}
	const lastLevel = 3
	shared := uint32(1)
	if e.Eax>>5&7 >= lastLevel {
		shared = t.n
	}
	e.Eax = e.Eax&0x3fff | (shared-1)<<14
	if !t.amd {
		e.Eax |= (min(t.n, 64) - 1) << 26
	}
}

// setCores is ECX[7:0]: threads - 1; [15:12]: width of the core number within the APIC ID.
// ECX[17:16], the size of a counter, stays.
func (t topology) setCores(e *kvm.CPUIDEntry) {
	if !t.amd {
		e.Ecx, e.Edx = 0, 0
		return
	}
	e.Ecx = e.Ecx&(3<<16) | (t.n - 1) | width(t.n)<<12
}

// levels is leaf 0xb, and on Intel 0x1f as well, where the host has them.
func (t topology) levels(host []kvm.CPUIDEntry) (out []kvm.CPUIDEntry) {
	for _, function := range []uint32{leafTopology, leafTopologyV2} {
		if findLeaf(host, function, 0) == nil || t.amd && function == leafTopologyV2 {
			continue
		}
		out = append(out,
			t.level(function, 0, 0, 1, levelThread),
			t.level(function, 1, width(t.n), t.n, levelCore),
			t.level(function, 2, 0, 0, 0))
	}
	return out
}

// level is a sub-leaf: how far to shift the APIC ID to get to the next level, how many
// logical processors there are in this one, its kind, and the APIC ID.
func (t topology) level(function, index, shift, count, kind uint32) kvm.CPUIDEntry {
	const significantIndex = 1 // KVM_CPUID_FLAG_SIGNIFCANT_INDEX
	return kvm.CPUIDEntry{Function: function, Index: index, Flags: significantIndex,
		Eax: shift, Ebx: count, Ecx: kind<<8 | index, Edx: t.id}
}

// width is how many bits of an APIC ID tell n processors apart.
func width(n uint32) uint32 { return uint32(bits.Len32(n - 1)) }

// withBit is v with the bit as it is to be.
func withBit(v uint32, bit uint8, on bool) uint32 {
	if on {
		return v | 1<<bit
	}
	return v &^ (1 << bit)
}
