package assist

// form is one instruction that can be finished: how it is recognised and what it does.
type form struct {
	name   string
	op     uint16 // map | opcode
	prefix int16  // the mandatory prefix, or any
	digit  int8   // ModRM.reg, or any
	where  where
	modrm  byte // the whole byte, for where == exact
	exec   func(*exec) error
}

// where says what ModRM must name.
type where uint8

const (
	anywhere where = iota
	inMemory
	inRegister
	exact // the ModRM byte itself is part of the opcode
)

// wildcard stands for any prefix or digit.
const wildcard = -1

// match finds the form of an instruction, or nil. The list is short, and what leads here cost tens
// of microseconds already.
func match(in *insn) *form {
	for i := range forms {
		if forms[i].is(in) {
			return &forms[i]
		}
	}
	return nil
}

func (f *form) is(in *insn) bool {
	if f.op != in.op || f.prefix != wildcard && byte(f.prefix) != in.prefix {
		return false
	}
	if f.digit != wildcard && byte(f.digit) != in.digit() {
		return false
	}
	switch f.where {
	case inMemory:
		return in.mem
	case inRegister:
		return !in.mem
	case exact:
		return f.modrm == in.modrm
	}
	return true
}

// forms is what can be finished (SDM vol. 2; opcode maps in its appendix A). Nobody writes to it.
var forms = [...]form{
	{"INT3", 0x00cc, wildcard, wildcard, anywhere, 0, (*exec).int3},
	{"FWAIT", 0x009b, wildcard, wildcard, anywhere, 0, (*exec).fwait},

	{"FNCLEX", 0x00db, wildcard, wildcard, exact, 0xe2, (*exec).fnclex},
	{"FILD", 0x00db, wildcard, 0, inMemory, 0, (*exec).fild},
	{"EMMS", 0x0f77, prefixNone, wildcard, anywhere, 0, (*exec).emms},
	{"INT", 0x00cd, wildcard, wildcard, anywhere, 0, (*exec).intN},
	{"UD2", 0x0f0b, wildcard, wildcard, anywhere, 0, (*exec).undefined},
	{"UD1", 0x0fb9, wildcard, wildcard, anywhere, 0, (*exec).undefined},
	{"UD0", 0x0fff, wildcard, wildcard, anywhere, 0, (*exec).undefined},

	{"SLDT", 0x0f00, wildcard, 0, anywhere, 0, (*exec).sldt},
	{"STR", 0x0f00, wildcard, 1, anywhere, 0, (*exec).str},
	{"VERR", 0x0f00, wildcard, 4, anywhere, 0, (*exec).verr},
	{"VERW", 0x0f00, wildcard, 5, anywhere, 0, (*exec).verw},
	{"SGDT", 0x0f01, wildcard, 0, inMemory, 0, (*exec).sgdt},
	{"SIDT", 0x0f01, wildcard, 1, inMemory, 0, (*exec).sidt},
	{"SMSW", 0x0f01, wildcard, 4, anywhere, 0, (*exec).smsw},
	{"LAR", 0x0f02, wildcard, wildcard, anywhere, 0, (*exec).lar},
	{"LSL", 0x0f03, wildcard, wildcard, anywhere, 0, (*exec).lsl},
	{"CLAC", 0x0f01, prefixNone, wildcard, exact, 0xca, (*exec).clac},
	{"STAC", 0x0f01, prefixNone, wildcard, exact, 0xcb, (*exec).stac},
	{"XGETBV", 0x0f01, prefixNone, wildcard, exact, 0xd0, (*exec).xgetbv},
	{"SERIALIZE", 0x0f01, prefixNone, wildcard, exact, 0xe8, (*exec).nop},
	{"RDPKRU", 0x0f01, prefixNone, wildcard, exact, 0xee, (*exec).noKeys},
	{"WRPKRU", 0x0f01, prefixNone, wildcard, exact, 0xef, (*exec).noKeys},
	{"RDTSCP", 0x0f01, wildcard, wildcard, exact, 0xf9, (*exec).rdtscp},

	{"PREFETCH", 0x0f0d, wildcard, wildcard, anywhere, 0, (*exec).nop},
	{"PREFETCH", 0x0f18, wildcard, wildcard, anywhere, 0, (*exec).nop},
	{"ENDBR64", 0x0f1e, prefixF3, wildcard, exact, 0xfa, (*exec).nop},
	{"NOP", 0x0f19, wildcard, wildcard, anywhere, 0, (*exec).nop},
	{"NOP", 0x0f1a, wildcard, wildcard, anywhere, 0, (*exec).nop},
	{"NOP", 0x0f1b, wildcard, wildcard, anywhere, 0, (*exec).nop},
	{"NOP", 0x0f1c, wildcard, wildcard, anywhere, 0, (*exec).nop},
	{"NOP", 0x0f1d, wildcard, wildcard, anywhere, 0, (*exec).nop},
	{"NOP", 0x0f1e, wildcard, wildcard, anywhere, 0, (*exec).nop},
	{"NOP", 0x0f1f, wildcard, wildcard, anywhere, 0, (*exec).nop},

	{"RDFSBASE", 0x0fae, prefixF3, 0, inRegister, 0, (*exec).rdbase},
	{"RDGSBASE", 0x0fae, prefixF3, 1, inRegister, 0, (*exec).rdbase},
	{"WRFSBASE", 0x0fae, prefixF3, 2, inRegister, 0, (*exec).wrbase},
	{"WRGSBASE", 0x0fae, prefixF3, 3, inRegister, 0, (*exec).wrbase},
	{"LFENCE", 0x0fae, prefixNone, 5, inRegister, 0, (*exec).nop},
	{"MFENCE", 0x0fae, prefixNone, 6, inRegister, 0, (*exec).nop},
	{"SFENCE", 0x0fae, prefixNone, 7, inRegister, 0, (*exec).nop},
	{"FXSAVE", 0x0fae, prefixNone, 0, inMemory, 0, (*exec).fxsave},
	{"FXRSTOR", 0x0fae, prefixNone, 1, inMemory, 0, (*exec).fxrstor},
	{"LDMXCSR", 0x0fae, prefixNone, 2, inMemory, 0, (*exec).ldmxcsr},
	{"STMXCSR", 0x0fae, prefixNone, 3, inMemory, 0, (*exec).stmxcsr},
	{"XSAVE", 0x0fae, prefixNone, 4, inMemory, 0, (*exec).xsave},
	{"XRSTOR", 0x0fae, prefixNone, 5, inMemory, 0, (*exec).xrstor},
	{"XSAVEOPT", 0x0fae, prefixNone, 6, inMemory, 0, (*exec).xsaveopt},
	{"CLFLUSH", 0x0fae, prefixNone, 7, inMemory, 0, (*exec).flush},
	{"CLWB", 0x0fae, prefix66, 6, inMemory, 0, (*exec).flush},
	{"CLFLUSHOPT", 0x0fae, prefix66, 7, inMemory, 0, (*exec).flush},

	{"TZCNT", 0x0fbc, prefixF3, wildcard, anywhere, 0, (*exec).tzcnt},
	{"LZCNT", 0x0fbd, prefixF3, wildcard, anywhere, 0, (*exec).lzcnt},
	{"POPCNT", 0x0fb8, prefixF3, wildcard, anywhere, 0, (*exec).popcnt},

	{"CMPXCHG16B", 0x0fc7, wildcard, 1, inMemory, 0, (*exec).cmpxchg16b},
	{"XRSTORS", 0x0fc7, prefixNone, 3, inMemory, 0, (*exec).xrstors},
	{"XSAVEC", 0x0fc7, prefixNone, 4, inMemory, 0, (*exec).xsavec},
	{"XSAVES", 0x0fc7, prefixNone, 5, inMemory, 0, (*exec).xsaves},
	{"RDPID", 0x0fc7, prefixF3, 7, inRegister, 0, (*exec).rdpid},
	{"RDRAND", 0x0fc7, wildcard, 6, inRegister, 0, (*exec).rdrand},
	{"RDSEED", 0x0fc7, wildcard, 7, inRegister, 0, (*exec).rdrand},

	{"INVPCID", 0x3882, prefix66, wildcard, inMemory, 0, (*exec).invpcid},
	{"MOVDIR64B", 0x38f8, prefix66, wildcard, inMemory, 0, (*exec).movdir64b},
	{"MOVDIRI", 0x38f9, prefixNone, wildcard, inMemory, 0, (*exec).movdiri},
	{"CRC32", 0x38f0, prefixF2, wildcard, anywhere, 0, (*exec).crc32},
	{"CRC32", 0x38f1, prefixF2, wildcard, anywhere, 0, (*exec).crc32},
	{"ADCX", 0x38f6, prefix66, wildcard, anywhere, 0, (*exec).adcx},
	{"ADOX", 0x38f6, prefixF3, wildcard, anywhere, 0, (*exec).adox},

	{"ANDN", vex38 | 0xf2, prefixNone, wildcard, anywhere, 0, (*exec).andn},
	{"BLSR", vex38 | 0xf3, prefixNone, 1, anywhere, 0, (*exec).lowest},
	{"BLSMSK", vex38 | 0xf3, prefixNone, 2, anywhere, 0, (*exec).lowest},
	{"BLSI", vex38 | 0xf3, prefixNone, 3, anywhere, 0, (*exec).lowest},
	{"BZHI", vex38 | 0xf5, prefixNone, wildcard, anywhere, 0, (*exec).bzhi},
	{"PDEP", vex38 | 0xf5, prefixF2, wildcard, anywhere, 0, (*exec).pdep},
	{"PEXT", vex38 | 0xf5, prefixF3, wildcard, anywhere, 0, (*exec).pext},
	{"MULX", vex38 | 0xf6, prefixF2, wildcard, anywhere, 0, (*exec).mulx},
	{"BEXTR", vex38 | 0xf7, prefixNone, wildcard, anywhere, 0, (*exec).bextr},
	{"SHLX", vex38 | 0xf7, prefix66, wildcard, anywhere, 0, (*exec).shiftx},
	{"SHRX", vex38 | 0xf7, prefixF2, wildcard, anywhere, 0, (*exec).shiftx},
	{"SARX", vex38 | 0xf7, prefixF3, wildcard, anywhere, 0, (*exec).shiftx},
	{"RORX", vex3A | 0xf0, prefixF2, wildcard, anywhere, 0, (*exec).rorx},
}
