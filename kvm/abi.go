package kvm

import "structs"

// The part of the KVM ABI that gokvm lacks, or has in a form that loses data.
// Source: include/uapi/linux/kvm.h and arch/x86/include/uapi/asm/kvm.h, Linux 6.12.

// runPage is struct kvm_run up to the end of the synchronised registers.
//
//	  0 request_interrupt_window u8, 1 immediate_exit u8, 2 padding
//	  8 exit_reason u32, 12 ready_for_interrupt_injection u8, 13 if_flag u8, 14 flags u16
//	 16 cr8, 24 apic_base
//	 32 the exit union, 256 bytes
//	288 kvm_valid_regs, 296 kvm_dirty_regs
//	304 struct kvm_sync_regs: regs, sregs, events
type runPage struct {
	_             structs.HostLayout
	entry         uint32 // bytes 0 to 3 as one word: Go has no atomic byte store
	_             uint32
	exitReason    uint32
	readyForIRQ   uint8
	ifFlag        uint8
	flags         uint16
	cr8, apicBase uint64
	exit          [256]byte
	validRegs     uint64
	dirtyRegs     uint64
	regs          Regs
	sregs         Sregs
	events        VCPUEvents
}

// immediateExit is kvm_run.immediate_exit = 1 within runPage.entry.
const immediateExit = 1 << 8

// Bits of kvm_valid_regs and kvm_dirty_regs.
const (
	syncRegs  = 1 << 0
	syncSregs = 1 << 1
)

// ioctl numbers (kvm.h). The size is that of the fixed part of the argument.
const (
	nrCheckExtension     = 0x03
	nrGetSupportedCPUID  = 0x05
	nrSetIdentityMapAddr = 0x48
	nrIRQLine            = 0x61
	nrIRQFD              = 0x76
	nrCreatePIT2         = 0x77
	nrIOEventFD          = 0x79
	nrRun                = 0x80
	nrTranslate          = 0x85
	nrGetMSRs            = 0x88
	nrSetMSRs            = 0x89
	nrSetCPUID2          = 0x90
	nrSetGuestDebug      = 0x9b
	nrSetTSCKHz          = 0xa2
	nrEnableCap          = 0xa3
	nrGetXSave           = 0xa4
	nrSetXSave           = 0xa5
	nrClockCtrl          = 0xad
	nrSetMSRFilter       = 0xc6
	nrGetStatsFD         = 0xce
	nrGetXSave2          = 0xcf
)

// maxCPUID bounds a CPUID table; the kernel's own bound is 256
// (KVM_MAX_CPUID_ENTRIES).
const maxCPUID = 256

type cpuidTable struct {
	_       structs.HostLayout
	n, _    uint32
	entries [maxCPUID]CPUIDEntry
}

// MSR is a model-specific register and its value.
type MSR struct {
	Index uint32
	_     uint32
	Data  uint64
}

// maxMSRs is how many registers one call moves. The kernel takes fewer than 256
// (MAX_IO_MSRS in arch/x86/kvm/x86.c) and answers E2BIG to more.
const maxMSRs = 255

type msrTable struct {
	_       structs.HostLayout
	n, _    uint32
	entries [maxMSRs]MSR
}

type irqLevel struct {
	_          structs.HostLayout
	irq, level uint32
}

type irqfd struct {
	_          structs.HostLayout
	fd         uint32
	gsi        uint32
	flags      uint32
	resampleFD uint32
	_          [16]byte
}

type ioeventfd struct {
	_         structs.HostLayout
	datamatch uint64
	addr      uint64
	len       uint32
	fd        int32
	flags     uint32
	_         [36]byte
}

type pitConfig struct {
	_     structs.HostLayout
	flags uint32
	_     [15]uint32
}

type enableCap struct {
	_     structs.HostLayout
	cap   uint32
	flags uint32
	args  [4]uint64
	_     [64]byte
}

type msrFilterRange struct {
	_      structs.HostLayout
	flags  uint32
	nmsrs  uint32
	base   uint32
	_      uint32
	bitmap *byte
}

type msrFilter struct {
	_      structs.HostLayout
	flags  uint32
	_      uint32
	ranges [16]msrFilterRange
}

type guestDebug struct {
	_       structs.HostLayout
	control uint32
	_       uint32
	debug   [8]uint64
}

type translation struct {
	_        structs.HostLayout
	linear   uint64
	physical uint64
	valid    uint8
	_        [7]uint8
}

// XSave is struct kvm_xsave: an XSAVE area in the standard format, of which KVM
// uses as much as CPUID leaf 0xD gives (KVM_GET_XSAVE).
type XSave struct {
	_      structs.HostLayout
	Region [4096]byte
}

// Exit structs within the union of kvm_run.
type (
	exitIO struct {
		_          structs.HostLayout
		direction  uint8
		size       uint8
		port       uint16
		count      uint32
		dataOffset uint64
	}
	exitMMIO struct {
		_       structs.HostLayout
		addr    uint64
		data    [8]byte
		len     uint32
		isWrite uint8
	}
	exitMSR struct {
		_      structs.HostLayout
		err    uint8
		_      [7]uint8
		reason uint32
		index  uint32
		data   uint64
	}
	exitDebug struct {
		_         structs.HostLayout
		exception uint32
		_         uint32
		pc        uint64
		dr6, dr7  uint64
	}
	exitInternal struct {
		_        structs.HostLayout
		suberror uint32
		ndata    uint32
		flags    uint64
		insnSize uint8
		insn     [15]byte
	}
	exitFailEntry struct {
		_      structs.HostLayout
		reason uint64
		cpu    uint32
	}
	exitSystemEvent struct {
		_     structs.HostLayout
		typ   uint32
		ndata uint32
		data  [16]uint64
	}
)

type statsHeader struct {
	_                              structs.HostLayout
	flags, nameSize, numDesc       uint32
	idOffset, descOffset, dataOffs uint32
}

type statsDesc struct {
	_          structs.HostLayout
	flags      uint32
	exponent   int16
	size       uint16
	offset     uint32
	bucketSize uint32
}
