#include "textflag.h"

// func cas128(p *[16]byte, oldLo, oldHi, newLo, newHi uint64) (lo, hi uint64, swapped, aligned bool)
TEXT ·cas128(SB), NOSPLIT, $0-58
	MOVQ p+0(FP), DI
	MOVQ oldLo+8(FP), AX
	MOVQ oldHi+16(FP), DX
	MOVQ newLo+24(FP), BX
	MOVQ newHi+32(FP), CX
	MOVB $0, swapped+56(FP)
	TESTQ $15, DI
	SETEQ aligned+57(FP)
	JNE  done
	LOCK
	CMPXCHG16B (DI)
	SETEQ swapped+56(FP)
done:
	MOVQ AX, lo+40(FP)
	MOVQ DX, hi+48(FP)
	RET

// func or64(p *[8]byte, bits uint64)
TEXT ·or64(SB), NOSPLIT, $0-16
	MOVQ p+0(FP), DI
	MOVQ bits+8(FP), AX
	LOCK
	ORQ AX, (DI)
	RET

// func cpuid(leaf, sub uint32) (eax, ebx, ecx, edx uint32)
TEXT ·cpuid(SB), NOSPLIT, $0-24
	MOVL leaf+0(FP), AX
	MOVL sub+4(FP), CX
	CPUID
	MOVL AX, eax+8(FP)
	MOVL BX, ebx+12(FP)
	MOVL CX, ecx+16(FP)
	MOVL DX, edx+20(FP)
	RET
