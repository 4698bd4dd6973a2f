package kvm

import (
	"testing"
	"unsafe"

	gokvm "github.com/bobuhiro11/gokvm/kvm"
)

// TestABIMatchesGokvm compares the structs that this package and gokvm both have.
// SAFETY: unsafe is imported for Sizeof and Offsetof alone.
func TestABIMatchesGokvm(t *testing.T) {
	for _, tt := range []struct {
		name       string
		ours, want uintptr
	}{
		{"kvm_run.immediate_exit", unsafe.Offsetof(runPage{}.entry) + 1, unsafe.Offsetof(gokvm.RunData{}.ImmediateExit)},
		{"kvm_run.exit_reason", unsafe.Offsetof(runPage{}.exitReason), unsafe.Offsetof(gokvm.RunData{}.ExitReason)},
		{"kvm_run.cr8", unsafe.Offsetof(runPage{}.cr8), unsafe.Offsetof(gokvm.RunData{}.CR8)},
		{"kvm_run.apic_base", unsafe.Offsetof(runPage{}.apicBase), unsafe.Offsetof(gokvm.RunData{}.ApicBase)},
		{"kvm_run's exit union", unsafe.Offsetof(runPage{}.exit), unsafe.Offsetof(gokvm.RunData{}.Data)},
		{"kvm_run up to the union's end", unsafe.Offsetof(runPage{}.validRegs), unsafe.Sizeof(gokvm.RunData{})},
		{"kvm_msr_entry", unsafe.Sizeof(MSR{}), unsafe.Sizeof(gokvm.MSREntry{})},
		{"kvm_msr_entry.data", unsafe.Offsetof(MSR{}.Data), unsafe.Offsetof(gokvm.MSREntry{}.Data)},
		{"kvm_msrs.entries", unsafe.Offsetof(msrTable{}.entries), unsafe.Offsetof(gokvm.MSRS{}.Entries)},
		{"kvm_cpuid2.entries", unsafe.Offsetof(cpuidTable{}.entries), unsafe.Offsetof(gokvm.CPUID{}.Entries)},
		{"kvm_mp_state", unsafe.Sizeof(MPState(0)), unsafe.Sizeof(gokvm.MPState{})},
	} {
		if tt.ours != tt.want {
			t.Errorf("%s: %d bytes here, %d in gokvm", tt.name, tt.ours, tt.want)
		}
	}
}

// TestABIOfGokvm compares gokvm's structs with the kernel's sizes: Linux 6.12,
// arch/x86/include/uapi/asm/kvm.h, as sizeof gives them.
func TestABIOfGokvm(t *testing.T) {
	for _, tt := range []struct {
		name      string
		got, want uintptr
	}{
		{"kvm_regs", unsafe.Sizeof(Regs{}), 144},
		{"kvm_sregs", unsafe.Sizeof(Sregs{}), 312},
		{"kvm_segment", unsafe.Sizeof(Segment{}), 24},
		{"kvm_dtable", unsafe.Sizeof(Descriptor{}), 16},
		{"kvm_debugregs", unsafe.Sizeof(DebugRegs{}), 128},
		{"kvm_xcrs", unsafe.Sizeof(XCRs{}), 392},
		{"kvm_lapic_state", unsafe.Sizeof(LAPICState{}), 1024},
		{"kvm_vcpu_events", unsafe.Sizeof(VCPUEvents{}), 64},
		{"kvm_irqchip", unsafe.Sizeof(IRQChip{}), 520},
		{"kvm_pit_state2", unsafe.Sizeof(PITState{}), 112},
		{"kvm_clock_data", unsafe.Sizeof(ClockData{}), 48},
		{"kvm_cpuid_entry2", unsafe.Sizeof(CPUIDEntry{}), 40},
		{"kvm_userspace_memory_region", unsafe.Sizeof(gokvm.UserspaceMemoryRegion{}), 32},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: %d bytes in gokvm, %d in the kernel", tt.name, tt.got, tt.want)
		}
	}
}

// TestExitStructs checks the offsets within the exit union against kvm.h.
func TestExitStructs(t *testing.T) {
	for _, tt := range []struct {
		name      string
		got, want uintptr
	}{
		{"io.port", unsafe.Offsetof(exitIO{}.port), 2},
		{"io.count", unsafe.Offsetof(exitIO{}.count), 4},
		{"io.data_offset", unsafe.Offsetof(exitIO{}.dataOffset), 8},
		{"mmio.data", unsafe.Offsetof(exitMMIO{}.data), 8},
		{"mmio.len", unsafe.Offsetof(exitMMIO{}.len), 16},
		{"mmio.is_write", unsafe.Offsetof(exitMMIO{}.isWrite), 20},
		{"msr.reason", unsafe.Offsetof(exitMSR{}.reason), 8},
		{"msr.index", unsafe.Offsetof(exitMSR{}.index), 12},
		{"msr.data", unsafe.Offsetof(exitMSR{}.data), 16},
		{"debug.arch.pc", unsafe.Offsetof(exitDebug{}.pc), 8},
		{"emulation_failure.flags", unsafe.Offsetof(exitInternal{}.flags), 8},
		{"emulation_failure.insn_bytes", unsafe.Offsetof(exitInternal{}.insn), 17},
		{"fail_entry.cpu", unsafe.Offsetof(exitFailEntry{}.cpu), 8},
		{"system_event.data", unsafe.Offsetof(exitSystemEvent{}.data), 8},
	} {
		if tt.got != tt.want {
			t.Errorf("kvm_run.%s: offset %d, want %d", tt.name, tt.got, tt.want)
		}
	}
	for name, size := range map[string]uintptr{
		"io": sizeof[exitIO](), "mmio": sizeof[exitMMIO](), "msr": sizeof[exitMSR](), "debug": sizeof[exitDebug](),
		"internal": sizeof[exitInternal](), "fail_entry": sizeof[exitFailEntry](), "system_event": sizeof[exitSystemEvent](),
	} {
		if size > unsafe.Sizeof(runPage{}.exit) {
			t.Errorf("kvm_run.%s: %d bytes do not fit into the union", name, size)
		}
	}
}
