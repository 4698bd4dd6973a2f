package machine

import "terem/kvm"

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

// of is where a leaf keeps the register.
func (r register) of(e *kvm.CPUIDEntry) *uint32 {
	return [...]*uint32{&e.Eax, &e.Ebx, &e.Ecx, &e.Edx}[r]
}

// CPUID leaves (Intel SDM vol. 2A, CPUID; AMD APM vol. 3, appendix E).
const (
	leafVendor       = 0x0
	leafFeatures     = 0x1
	leafCaches       = 0x4 // reserved on AMD
	leafMonitor      = 0x5
	leafExtended     = 0x7
	leafTopology     = 0xb
	leafXState       = 0xd
	leafCrystal      = 0x15
	leafFrequency    = 0x16
	leafTile         = 0x1d
	leafTileMultiply = 0x1e
	leafTopologyV2   = 0x1f // reserved on AMD
	leafAMDFeatures  = 0x80000001
	leafAMDCores     = 0x80000008 // ECX and EDX are reserved on Intel
	leafAMDCaches    = 0x8000001d
	leafAMDTopology  = 0x8000001e
	leafEncryption   = 0x8000001f
	leafAMDLevels    = 0x80000026
)

// leaves gives the CPUID of vCPU id out of n: the host's, but for the topology, for what a
// guest could not use, and for the model's changes.
func (m CPUModel) leaves(host []kvm.CPUIDEntry, id, n int) []kvm.CPUIDEntry {
	t := topology{amd: isAMD(host), id: uint32(id), n: uint32(n)}
	out := make([]kvm.CPUIDEntry, 0, len(host)+2*topologyLevels)
	for _, e := range host {
		if t.makes(e.Function) {
			continue
		}
		t.set(&e)
		conceal(&e)
		out = append(out, e)
	}
	out = append(out, t.levels(host)...)
	for _, c := range m.changes {
		if !c.on {
			clearBit(out, c.bit)
		}
	}
	concealDependents(out)
	return out
}

// isAMD says whether the processor is described as AMD's are. Hygon's are; those of Centaur and
// Zhaoxin are described as Intel's.
func isAMD(leaves []kvm.CPUIDEntry) bool {
	e := findLeaf(leaves, leafVendor, 0)
	if e == nil {
		return false
	}
	switch [3]uint32{e.Ebx, e.Edx, e.Ecx} {
	case [3]uint32{0x68747541, 0x69746e65, 0x444d4163}, // AuthenticAMD
		[3]uint32{0x6f677948, 0x6e65476e, 0x656e6975}: // HygonGenuine
		return true
	}
	return false
}

// findLeaf is the leaf, or nil.
func findLeaf(leaves []kvm.CPUIDEntry, function, index uint32) *kvm.CPUIDEntry {
	for i := range leaves {
		if leaves[i].Function == function && leaves[i].Index == index {
			return &leaves[i]
		}
	}
	return nil
}

// hasBit says whether a feature is there.
func hasBit(leaves []kvm.CPUIDEntry, b cpuidBit) bool {
	e := findLeaf(leaves, b.leaf, b.index)
	return e != nil && *b.reg.of(e)>>b.bit&1 != 0
}

// setBit sets a feature, if there is its leaf.
func setBit(leaves []kvm.CPUIDEntry, b cpuidBit) {
	if e := findLeaf(leaves, b.leaf, b.index); e != nil {
		*b.reg.of(e) |= 1 << b.bit
	}
}

// clearBit takes a feature away.
func clearBit(leaves []kvm.CPUIDEntry, b cpuidBit) {
	if e := findLeaf(leaves, b.leaf, b.index); e != nil {
		*b.reg.of(e) &^= 1 << b.bit
	}
}
