package kvm

import (
	"errors"
	"runtime"

	gokvm "github.com/bobuhiro11/gokvm/kvm"
	"golang.org/x/sys/unix"
)

// The register file and device state, as KVM lays it out. The types are gokvm's;
// a test compares their sizes with the kernel's.
type (
	Regs            = gokvm.Regs            // KVM_GET_REGS: general registers, RIP, RFLAGS
	Sregs           = gokvm.Sregs           // KVM_GET_SREGS: segments, control registers
	Segment         = gokvm.Segment         // one segment register with its hidden part
	Descriptor      = gokvm.Descriptor      // GDTR or IDTR
	DebugRegs       = gokvm.DebugRegs       // KVM_GET_DEBUGREGS
	XCRs            = gokvm.XCRS            // KVM_GET_XCRS
	LAPICState      = gokvm.LAPICState      // KVM_GET_LAPIC: the 1 KiB register page
	VCPUEvents      = gokvm.VCPUEvents      // KVM_GET_VCPU_EVENTS: pending exceptions, interrupts, NMIs
	IRQChip         = gokvm.IRQChip         // KVM_GET_IRQCHIP: one PIC, or the IOAPIC
	PITState        = gokvm.PITState2       // KVM_GET_PIT2
	PITChannelState = gokvm.PITChannelState // one of its counters
	ClockData       = gokvm.ClockData       // KVM_GET_CLOCK: nanoseconds of kvm-clock
	Capability      = gokvm.Capability      // a KVM_CAP_* number
	CPUIDEntry      = gokvm.CPUIDEntry2     // one CPUID leaf
)

// MPState is a vCPU's multiprocessing state (KVM_GET_MP_STATE).
type MPState uint32

const (
	MPRunnable      = MPState(gokvm.MPStateRunnable)
	MPUninitialized = MPState(gokvm.MPStateUninitialized)
	MPInitReceived  = MPState(gokvm.MPStateInitReceived)
	MPHalted        = MPState(gokvm.MPStateHalted)
)

// Model-specific registers that this program names (Intel SDM vol. 4, table 2-2).
const (
	MSRTSC    = uint32(gokvm.MSRIA32TSC)
	MSRSTAR   = uint32(gokvm.MSRSTAR)
	MSRLSTAR  = uint32(gokvm.MSRLSTAR)
	MSRFMASK  = uint32(gokvm.MSRFMASK)
	MSRFSBase = uint32(gokvm.MSRFSBASE)
	MSRGSBase = uint32(gokvm.MSRGSBASE)
	MSRTSCAux = uint32(gokvm.MSRTSCAUX)
)

// retry repeats a cold call while a signal interrupts it. Go preempts threads
// with SIGURG, so EINTR is routine.
func retry(op string, call func() error) error {
	for {
		err := call()
		if err == nil {
			return nil
		}
		if !errors.Is(err, unix.EINTR) {
			return &Error{Op: op, Err: err}
		}
	}
}

// pinned calls f with arg kept in place: gokvm turns the pointer into a uintptr
// one call above the system call, where a growing stack could leave it behind.
func pinned[T any](fd int, op string, f func(uintptr, *T) error, arg *T) error {
	var p runtime.Pinner
	p.Pin(arg)
	defer p.Unpin()
	return retry(op, func() error { return f(uintptr(fd), arg) })
}

// create makes a descriptor (a VM, a vCPU) by a call of gokvm.
func create(op string, call func() (uintptr, error)) (int, error) {
	var fd uintptr
	err := retry(op, func() (err error) { fd, err = call(); return err })
	return int(fd), err
}

func apiVersion(fd int) (int, error) {
	return create("KVM_GET_API_VERSION", func() (uintptr, error) { return gokvm.GetAPIVersion(uintptr(fd)) })
}

func createVM(fd int) (int, error) {
	return create("KVM_CREATE_VM", func() (uintptr, error) { return gokvm.CreateVM(uintptr(fd)) })
}

func createVCPU(fd, id int) (int, error) {
	return create("KVM_CREATE_VCPU", func() (uintptr, error) { return gokvm.CreateVCPU(uintptr(fd), id) })
}

func vcpuMmapSize(fd int) (int, error) {
	return create("KVM_GET_VCPU_MMAP_SIZE", func() (uintptr, error) { return gokvm.GetVCPUMMmapSize(uintptr(fd)) })
}

func checkExtension(fd int, c Capability) (int, error) {
	return create("KVM_CHECK_EXTENSION", func() (uintptr, error) { return gokvm.CheckExtension(uintptr(fd), c) })
}

func createIRQChip(fd int) error {
	return retry("KVM_CREATE_IRQCHIP", func() error { return gokvm.CreateIRQChip(uintptr(fd)) })
}

func setTSSAddr(fd int, addr uint32) error {
	return retry("KVM_SET_TSS_ADDR", func() error { return gokvm.SetTSSAddr(uintptr(fd), addr) })
}

func getRegs(fd int, r *Regs) error {
	return retry("KVM_GET_REGS", func() error {
		got, err := gokvm.GetRegs(uintptr(fd))
		if err == nil {
			*r = *got
		}
		return err
	})
}

func getSregs(fd int, s *Sregs) error {
	return retry("KVM_GET_SREGS", func() error {
		got, err := gokvm.GetSregs(uintptr(fd))
		if err == nil {
			*s = *got
		}
		return err
	})
}

func setRegs(fd int, r *Regs) error   { return pinned(fd, "KVM_SET_REGS", gokvm.SetRegs, r) }
func setSregs(fd int, s *Sregs) error { return pinned(fd, "KVM_SET_SREGS", gokvm.SetSregs, s) }

func setMemoryRegion(fd int, slot uint32, flags MapFlags, gpa, size, hva uint64) error {
	r := gokvm.UserspaceMemoryRegion{
		Slot: slot, Flags: uint32(flags), GuestPhysAddr: gpa, MemorySize: size, UserspaceAddr: hva,
	}
	return pinned(fd, "KVM_SET_USER_MEMORY_REGION", gokvm.SetUserMemoryRegion, &r)
}

func getMPState(fd int) (MPState, error) {
	var s gokvm.MPState
	err := pinned(fd, "KVM_GET_MP_STATE", gokvm.GetMPState, &s)
	return MPState(s.State), err
}

func setMPState(fd int, s MPState) error {
	return pinned(fd, "KVM_SET_MP_STATE", gokvm.SetMPState, &gokvm.MPState{State: uint32(s)})
}

func getVCPUEvents(fd int, e *VCPUEvents) error {
	return pinned(fd, "KVM_GET_VCPU_EVENTS", gokvm.GetVCPUEvents, e)
}

func setVCPUEvents(fd int, e *VCPUEvents) error {
	return pinned(fd, "KVM_SET_VCPU_EVENTS", gokvm.SetVCPUEvents, e)
}

func getDebugRegs(fd int, d *DebugRegs) error {
	return pinned(fd, "KVM_GET_DEBUGREGS", gokvm.GetDebugRegs, d)
}

func setDebugRegs(fd int, d *DebugRegs) error {
	return pinned(fd, "KVM_SET_DEBUGREGS", gokvm.SetDebugRegs, d)
}

func getXCRs(fd int, x *XCRs) error { return pinned(fd, "KVM_GET_XCRS", gokvm.GetXCRS, x) }
func setXCRs(fd int, x *XCRs) error { return pinned(fd, "KVM_SET_XCRS", gokvm.SetXCRS, x) }

func getLAPIC(fd int, l *LAPICState) error {
	return pinned(fd, "KVM_GET_LAPIC", gokvm.GetLocalAPIC, l)
}

func setLAPIC(fd int, l *LAPICState) error {
	return pinned(fd, "KVM_SET_LAPIC", gokvm.SetLocalAPIC, l)
}

func getIRQChip(fd int, c *IRQChip) error {
	return pinned(fd, "KVM_GET_IRQCHIP", gokvm.GetIRQChip, c)
}

func setIRQChip(fd int, c *IRQChip) error {
	return pinned(fd, "KVM_SET_IRQCHIP", gokvm.SetIRQChip, c)
}

func getPIT(fd int, p *PITState) error { return pinned(fd, "KVM_GET_PIT2", gokvm.GetPIT2, p) }
func setPIT(fd int, p *PITState) error { return pinned(fd, "KVM_SET_PIT2", gokvm.SetPIT2, p) }

func getClock(fd int, c *ClockData) error { return pinned(fd, "KVM_GET_CLOCK", gokvm.GetClock, c) }
func setClock(fd int, c *ClockData) error { return pinned(fd, "KVM_SET_CLOCK", gokvm.SetClock, c) }

func tscKHz(fd int) (int, error) {
	return create("KVM_GET_TSC_KHZ", func() (uintptr, error) {
		n, err := gokvm.GetTSCKHz(uintptr(fd))
		return uintptr(n), err
	})
}

func msrIndexList(fd int) ([]uint32, error) {
	var l gokvm.MSRList
	l.NMSRs = uint32(len(l.Indicies))
	if err := pinned(fd, "KVM_GET_MSR_INDEX_LIST", gokvm.GetMSRIndexList, &l); err != nil {
		return nil, err
	}
	return l.Indicies[:l.NMSRs], nil
}
