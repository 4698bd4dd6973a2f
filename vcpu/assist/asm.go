package assist

// cas128 is LOCK CMPXCHG16B on p, which needs a 16-byte boundary: it stores new if *p is old, and
// returns what *p was. aligned is false, and nothing done, if p is not on such a boundary. Go has no
// 16-byte atomic operation, and other vCPUs work on the same memory.
//
//go:noescape
func cas128(p *[16]byte, oldLo, oldHi, newLo, newHi uint64) (lo, hi uint64, swapped, aligned bool)

// or64 is LOCK OR on eight bytes of guest memory.
//
//go:noescape
func or64(p *[8]byte, bits uint64)

// cpuid executes CPUID on the host.
//
//go:noescape
func cpuid(leaf, sub uint32) (eax, ebx, ecx, edx uint32)
