package kvm

// Capabilities that this program asks about (kvm.h, KVM_CAP_*).
const (
	CapIRQChip          Capability = 0
	CapUserMemory       Capability = 3
	CapNrVCPUs          Capability = 9
	CapMPState          Capability = 14
	CapSetGuestDebug    Capability = 23
	CapIRQFD            Capability = 32
	CapPIT2             Capability = 33
	CapIOEventFD        Capability = 36
	CapIdentityMapAddr  Capability = 37
	CapAdjustClock      Capability = 39
	CapVCPUEvents       Capability = 41
	CapDebugRegs        Capability = 50
	CapXSave            Capability = 55
	CapXCRs             Capability = 56
	CapMaxVCPUs         Capability = 66
	CapTSCDeadlineTimer Capability = 72
	CapSyncRegs         Capability = 74
	CapReadOnlyMem      Capability = 81
	CapImmediateExit    Capability = 136
	CapNestedState      Capability = 157
	CapUserSpaceMSR     Capability = 188
	CapMSRFilter        Capability = 189
	CapSetGuestDebug2   Capability = 195
	CapBinaryStats      Capability = 203

	CapExitOnEmulationFailure Capability = 204
	CapXSave2                 Capability = 208
)

// A Need is a capability that this program uses.
type Need struct {
	Cap      Capability
	Name     string // without the KVM_CAP_ prefix
	For      string // what fails without it
	Required bool   // false: something is slower, or missing
}

// Needs lists the capabilities that a VM of this program uses, the required ones
// first.
func Needs() []Need {
	return []Need{
		{CapUserMemory, "USER_MEMORY", "guest RAM", true},
		{CapIRQChip, "IRQCHIP", "the interrupt controllers in the kernel", true},
		{CapIdentityMapAddr, "SET_IDENTITY_MAP_ADDR", "placing the identity page away from guest RAM", true},
		{CapIRQFD, "IRQFD", "interrupts from devices", true},
		{CapIOEventFD, "IOEVENTFD", "virtio notifications without an exit", true},
		{CapImmediateExit, "IMMEDIATE_EXIT", "stopping a vCPU without a race", true},
		{CapMPState, "MP_STATE", "starting further vCPUs", true},
		{CapVCPUEvents, "VCPU_EVENTS", "pending exceptions in a paused vCPU", true},
		{CapPIT2, "PIT2", "guests without another timer", false},
		{CapTSCDeadlineTimer, "TSC_DEADLINE_TIMER", "precise guest timers", false},
		{CapAdjustClock, "ADJUST_CLOCK", "a clock that stops while the VM is paused", false},
		{CapDebugRegs, "DEBUGREGS", "saving debug registers", false},
		{CapXSave, "XSAVE", "saving vector registers", false},
		{CapXCRs, "XCRS", "saving extended control registers", false},
		{CapSetGuestDebug, "SET_GUEST_DEBUG", "finishing SYSCALL on a software backend", false},
		{CapUserSpaceMSR, "X86_USER_SPACE_MSR", "finishing SYSCALL on a software backend", false},
		{CapMSRFilter, "X86_MSR_FILTER", "finishing SYSCALL on a software backend", false},
		{CapExitOnEmulationFailure, "EXIT_ON_EMULATION_FAILURE", "the right signal for a program on a software backend", false},
		{CapReadOnlyMem, "READONLY_MEM", "virtio registers that a guest reads without an exit", false},
		{CapSyncRegs, "SYNC_REGS", "quick access to registers on an exit", false},
		{CapBinaryStats, "BINARY_STATS_FD", "exit and instruction counters of the kernel", false},
	}
}
