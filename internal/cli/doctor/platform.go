package doctor

import (
	"encoding/binary"
	"strings"
)

// CPUID leaves by which a hypervisor makes itself known (kernel:
// Documentation/virt/kvm/x86/cpuid.rst; Microsoft's TLFS section 2.2). A
// hypervisor that offers the interfaces of two puts the second at the next 0x100.
const (
	leafVersion     = 1
	hypervisorBit   = 1 << 31 // of ECX in leafVersion
	leafHypervisor  = 0x4000_0000
	leafStep        = 0x100
	hypervisorRange = 8 // places where a signature is looked for
)

// examinePlatform finds out what the host itself runs on.
func examinePlatform(o Options) Platform {
	p := Platform{Product: product(o)}
	p.Virtual = o.CPUID(leafVersion, 0)[2]&hypervisorBit != 0 || cpuFlags(o, "flags")["hypervisor"]
	if p.Virtual {
		h := identify(signatures(o))
		p.Signature, p.Hypervisor, p.Type, p.TypeNote = h.signature, h.name, h.kind, h.note
	}
	p.Container, p.ContainerNote = container(o)
	return p
}

// signatures reads the names of all interfaces that the hypervisor offers.
func signatures(o Options) []string {
	var all []string
	for i := range uint32(hypervisorRange) {
		r := o.CPUID(leafHypervisor+i*leafStep, 0)
		var b []byte
		for _, v := range r[1:] {
			b = binary.LittleEndian.AppendUint32(b, v)
		}
		if s := strings.TrimRight(string(b), "\x00"); s != "" {
			all = append(all, s)
		}
	}
	return all
}

// product is what the firmware calls the machine.
func product(o Options) string {
	vendor, name := o.read("sys/class/dmi/id/sys_vendor"), o.read("sys/class/dmi/id/product_name")
	if strings.HasPrefix(name, vendor) {
		return name
	}
	return strings.TrimSpace(vendor + " " + name)
}
