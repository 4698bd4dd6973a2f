package kvm

import "unsafe"

// SAFETY: unsafe is imported for Sizeof and Offsetof alone. Each line fails to
// compile if a struct's layout differs from the kernel's.
var (
	_ [144]byte  = [unsafe.Sizeof(Regs{})]byte{}
	_ [312]byte  = [unsafe.Sizeof(Sregs{})]byte{}
	_ [64]byte   = [unsafe.Sizeof(VCPUEvents{})]byte{}
	_ [288]byte  = [unsafe.Offsetof(runPage{}.validRegs)]byte{}
	_ [304]byte  = [unsafe.Offsetof(runPage{}.regs)]byte{}
	_ [40]byte   = [unsafe.Sizeof(CPUIDEntry{})]byte{}
	_ [8]byte    = [unsafe.Offsetof(cpuidTable{}.entries)]byte{}
	_ [16]byte   = [unsafe.Sizeof(MSR{})]byte{}
	_ [8]byte    = [unsafe.Offsetof(msrTable{}.entries)]byte{}
	_ [32]byte   = [unsafe.Sizeof(irqfd{})]byte{}
	_ [64]byte   = [unsafe.Sizeof(ioeventfd{})]byte{}
	_ [64]byte   = [unsafe.Sizeof(pitConfig{})]byte{}
	_ [104]byte  = [unsafe.Sizeof(enableCap{})]byte{}
	_ [24]byte   = [unsafe.Sizeof(msrFilterRange{})]byte{}
	_ [392]byte  = [unsafe.Sizeof(msrFilter{})]byte{}
	_ [72]byte   = [unsafe.Sizeof(guestDebug{})]byte{}
	_ [24]byte   = [unsafe.Sizeof(translation{})]byte{}
	_ [4096]byte = [unsafe.Sizeof(XSave{})]byte{}
	_ [16]byte   = [unsafe.Offsetof(exitInternal{}.insnSize)]byte{}
	_ [16]byte   = [unsafe.Offsetof(exitMSR{}.data)]byte{}
	_ [24]byte   = [unsafe.Sizeof(statsHeader{})]byte{}
	_ [16]byte   = [unsafe.Sizeof(statsDesc{})]byte{}
)
