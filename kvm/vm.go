package kvm

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// MapFlags are the flags of a memory slot.
type MapFlags uint32

const (
	// MapReadOnly turns guest writes into MMIO exits.
	MapReadOnly MapFlags = 1 << 1
)

// VM is a virtual machine's descriptor.
type VM struct {
	fd       int
	mmapSize int
}

// Close closes the VM's descriptor. The kernel frees the VM when its vCPUs are
// closed as well. Nothing else may be called at the same time; what is called later
// fails, and reaches no file that has got the descriptor's number since.
func (v *VM) Close() error { return closeFD(&v.fd) }

// Map makes host memory appear to the guest at guest-physical address gpa. Both
// must be page-aligned, and host must come from mmap and outlive the VM. An empty
// host removes the slot.
func (v *VM) Map(slot uint32, gpa uint64, host []byte, f MapFlags) error {
	page := uint64(os.Getpagesize())
	if gpa%page != 0 || uint64(len(host))%page != 0 {
		return fmt.Errorf("map slot %d at %#x, %d bytes: not page-aligned", slot, gpa, len(host))
	}
	return setMemoryRegion(v.fd, slot, f, gpa, uint64(len(host)), hostAddress(host))
}

// SetTSSAddr gives KVM three pages of guest-physical address space below 4 GiB,
// which Intel hosts without unrestricted guest need for real mode.
func (v *VM) SetTSSAddr(gpa uint32) error { return setTSSAddr(v.fd, gpa) }

// SetIdentityMapAddr gives KVM one page for the same purpose. Call it before the
// first vCPU is made.
func (v *VM) SetIdentityMapAddr(gpa uint64) error {
	return ioctl(v.fd, "KVM_SET_IDENTITY_MAP_ADDR", ioc(dirWrite, nrSetIdentityMapAddr, 8), &gpa)
}

// CreateIRQChip puts two 8259 PICs, an IOAPIC and a local APIC for each vCPU into
// the kernel. Call it before the first vCPU is made.
func (v *VM) CreateIRQChip() error { return createIRQChip(v.fd) }

// CreatePIT puts an 8254 timer into the kernel. It also claims port 0x61.
func (v *VM) CreatePIT() error {
	const speakerDummy = 1 // KVM_PIT_SPEAKER_DUMMY: answer port 0x61 too
	return ioctl(v.fd, "KVM_CREATE_PIT2", ioc(dirWrite, nrCreatePIT2, sizeof[pitConfig]()),
		&pitConfig{flags: speakerDummy})
}

// IRQLine sets the level of an interrupt line.
func (v *VM) IRQLine(gsi uint32, high bool) error {
	l := irqLevel{irq: gsi}
	if high {
		l.level = 1
	}
	return ioctl(v.fd, "KVM_IRQ_LINE", ioc(dirWrite, nrIRQLine, sizeof[irqLevel]()), &l)
}

// IRQFD makes each Signal of e a rising edge on the interrupt line gsi.
func (v *VM) IRQFD(gsi uint32, e *Event) error { return v.irqfd(gsi, e, 0) }

// RemoveIRQFD undoes IRQFD.
func (v *VM) RemoveIRQFD(gsi uint32, e *Event) error {
	const deassign = 1
	return v.irqfd(gsi, e, deassign)
}

func (v *VM) irqfd(gsi uint32, e *Event, flags uint32) error {
	return e.with("KVM_IRQFD", func() error {
		return ioctl(v.fd, "KVM_IRQFD", ioc(dirWrite, nrIRQFD, sizeof[irqfd]()),
			&irqfd{fd: uint32(e.fd), gsi: gsi, flags: flags})
	})
}

// IOMatch says which guest stores an ioeventfd takes.
type IOMatch struct {
	Addr uint64
	Len  uint32  // 1, 2, 4, 8, or 0 for any length
	Port bool    // a port, not memory
	Data *uint64 // nil: any value
}

func (m IOMatch) abi(e *Event) *ioeventfd {
	const (
		datamatch = 1 << 0
		pio       = 1 << 1
	)
	a := &ioeventfd{addr: m.Addr, len: m.Len, fd: int32(e.fd)}
	if m.Port {
		a.flags |= pio
	}
	if m.Data != nil {
		a.flags |= datamatch
		a.datamatch = *m.Data
	}
	return a
}

// IOEventFD makes a matching guest store signal e instead of ending KVM_RUN.
func (v *VM) IOEventFD(m IOMatch, e *Event) error {
	return e.with("KVM_IOEVENTFD", func() error {
		return ioctl(v.fd, "KVM_IOEVENTFD", ioc(dirWrite, nrIOEventFD, sizeof[ioeventfd]()), m.abi(e))
	})
}

// ExitOnMSRWrite makes guest writes to the given MSR end Run with ExitWRMSR. All
// other MSRs stay as they are (KVM_CAP_X86_USER_SPACE_MSR, KVM_X86_SET_MSR_FILTER).
func (v *VM) ExitOnMSRWrite(msr uint32) error {
	const (
		capUserSpaceMSR  = uint32(CapUserSpaceMSR)
		exitReasonFilter = 1 << 2 // KVM_MSR_EXIT_REASON_FILTER
		rangeWrite       = 1 << 1 // KVM_MSR_FILTER_WRITE
	)
	c := &enableCap{cap: capUserSpaceMSR, args: [4]uint64{exitReasonFilter}}
	if err := ioctl(v.fd, "KVM_ENABLE_CAP", ioc(dirWrite, nrEnableCap, sizeof[enableCap]()), c); err != nil {
		return err
	}
	deny := new([1]byte) // one MSR, whose bit is 0: denied
	f := &msrFilter{}    // flags 0: KVM_MSR_FILTER_DEFAULT_ALLOW
	f.ranges[0] = msrFilterRange{flags: rangeWrite, nmsrs: 1, base: msr, bitmap: &deny[0]}
	return ioctl(v.fd, "KVM_X86_SET_MSR_FILTER", ioc(dirWrite, nrSetMSRFilter, sizeof[msrFilter]()), f)
}

// ExitOnEmulationFailure makes an instruction that KVM cannot emulate end Run with ExitInternalError at
// every privilege level. Otherwise KVM gives user code a #UD by itself, whatever the instruction is
// (KVM_CAP_EXIT_ON_EMULATION_FAILURE, api.rst section 7.28).
func (v *VM) ExitOnEmulationFailure() error {
	c := &enableCap{cap: uint32(CapExitOnEmulationFailure), args: [4]uint64{1}}
	return ioctl(v.fd, "KVM_ENABLE_CAP", ioc(dirWrite, nrEnableCap, sizeof[enableCap]()), c)
}

// CreateVCPU makes vCPU number id; its APIC ID is the same.
func (v *VM) CreateVCPU(id int) (*VCPU, error) {
	fd, err := createVCPU(v.fd, id)
	if err != nil {
		return nil, err
	}
	unix.CloseOnExec(fd)
	page, err := unix.Mmap(fd, 0, v.mmapSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		unix.Close(fd)
		return nil, wrap("mmap vCPU", err)
	}
	return &VCPU{fd: fd, id: id, page: page, run: viewRun(page)}, nil
}
