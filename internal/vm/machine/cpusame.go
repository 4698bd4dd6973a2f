package machine

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"strings"

	"terem/kvm"
)

// words are the registers of CPUID leaves whose bits are features, each by itself.
func words() []cpuidBit {
	return []cpuidBit{
		{leaf: leafFeatures, reg: ecx}, {leaf: leafFeatures, reg: edx},
		{leaf: leafExtended, reg: ebx}, {leaf: leafExtended, reg: ecx}, {leaf: leafExtended, reg: edx}, {leaf: leafExtended, index: 1, reg: eax},
		{leaf: leafXState, reg: eax}, {leaf: leafXState, index: 1, reg: eax},
		{leaf: leafKVMFeatures, reg: eax}, {leaf: leafAMDFeatures, reg: ecx}, {leaf: leafAMDFeatures, reg: edx}, {leaf: leafAMDCores, reg: ebx},
	}
}

// lacking says what of the leaves that a guest knows this host cannot give it, or "".
func lacking(have, want []kvm.CPUIDEntry) string {
	if a, b := maker(have), maker(want); a != b {
		return fmt.Sprintf("%s here, %s there", a, b)
	}
	for _, w := range words() {
		e := findLeaf(want, w.leaf, w.index)
		if e == nil {
			continue
		}
		missing := *w.reg.of(e)
		if h := findLeaf(have, w.leaf, w.index); h != nil {
			missing &^= *w.reg.of(h)
		}
		if missing != 0 {
			w.bit = uint8(bits.TrailingZeros32(missing))
			return "it lacks " + w.String()
		}
	}
	return ""
}

// maker is the processor's maker, family, model and stepping.
func maker(leaves []kvm.CPUIDEntry) string {
	f := findLeaf(leaves, leafFeatures, 0)
	if f == nil {
		return "no CPU"
	}
	return fmt.Sprintf("%q with signature %#x", vendor(leaves), f.Eax)
}

func vendor(leaves []kvm.CPUIDEntry) string {
	e := findLeaf(leaves, leafVendor, 0)
	if e == nil {
		return ""
	}
	return text(e.Ebx, e.Edx, e.Ecx)
}

// text is what registers spell.
func text(registers ...uint32) string {
	var b []byte
	for _, r := range registers {
		b = binary.LittleEndian.AppendUint32(b, r)
	}
	return strings.TrimSpace(strings.TrimRight(string(b), "\x00"))
}

// Processor is the processor's maker and model, as the guest has them.
func (s *State) Processor() (maker, model string) {
	if len(s.CPUs) == 0 {
		return "", ""
	}
	leaves := s.CPUs[0].CPUID
	const first, last = 0x80000002, 0x80000004 // the name, by 16 bytes
	for leaf := uint32(first); leaf <= last; leaf++ {
		if e := findLeaf(leaves, leaf, 0); e != nil {
			model += text(e.Eax, e.Ebx, e.Ecx, e.Edx)
		}
	}
	return vendor(leaves), model
}

// String is the feature's name, or where it stands.
func (b cpuidBit) String() string {
	for name, f := range features() {
		if f == b {
			return name
		}
	}
	return fmt.Sprintf("bit %d of %s in CPUID leaf %#x, index %d", b.bit, [...]string{"EAX", "EBX", "ECX", "EDX"}[b.reg], b.leaf, b.index)
}
