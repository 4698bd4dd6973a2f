package kvm

import "unsafe"

// CreateIRQChip gives a VM its interrupt controllers, in the kernel. It comes before CreateVCPU. With them HLT makes no exit: the kernel
// waits for the interrupt.
func (v *VM) CreateIRQChip() error {
	const create = 0xae60
	_, err := ioctl(v.fd, "KVM_CREATE_IRQCHIP", create, 0)
	return err
}

// CreatePIT2 gives it the PC's timer, likewise.
func (v *VM) CreatePIT2() error {
	const create, speaker = 0x4040ae77, 1 // with port 0x61, by which kernels look at the timer
	config := [16]uint32{speaker}
	return ioctlStruct(v.fd, "KVM_CREATE_PIT2", create, unsafe.Pointer(&config))
}

// SetSupportedCPUID has a vCPU say of itself what this host can do: a kernel looks for 64-bit mode there.
func (s *System) SetSupportedCPUID(c *VCPU) error {
	const get, set, most = 0xc008ae05, 0x4008ae90, 256
	var list struct {
		count, _ uint32
		entries  [most]struct{ function, index, flags, eax, ebx, ecx, edx, _, _, _ uint32 }
	}
	list.count = most
	if err := ioctlStruct(s.fd, "KVM_GET_SUPPORTED_CPUID", get, unsafe.Pointer(&list)); err != nil {
		return err
	}
	for i := range list.entries[:list.count] {
		const apicID, underHypervisor = 0xff << 24, 1 << 31
		if e := &list.entries[i]; e.function == 1 {
			e.ebx &^= apicID         // of the host's processor; this one is number 0
			e.ecx |= underHypervisor // so that a kernel looks for KVM's clock, and need not measure its own
		}
	}
	return ioctlStruct(c.fd, "KVM_SET_CPUID2", set, unsafe.Pointer(&list))
}
