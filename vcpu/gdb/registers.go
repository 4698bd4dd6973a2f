package gdb

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
)

// register is one of those that gdb knows, in the order of target.xml.
type register struct {
	name    string
	bits    int
	typ     string // gdb's name of the type
	feature string
	// at gives the register's place, a *uint64, a *uint16 or bytes of FX; or its value, a uint64.
	at   func(*Registers) any
	keep bool // it cannot be written
}

// The features that gdb looks for, and one of ours: what only the kernel sees.
const (
	featureCore     = "org.gnu.gdb.i386.core"
	featureSSE      = "org.gnu.gdb.i386.sse"
	featureSegments = "org.gnu.gdb.i386.segments"
	featureSystem   = "terem.system"
)

// registers lists all of them ("Debugging with GDB", G.5.6, i386 features).
func registers() []register {
	list := general()
	for i := range 8 {
		list = append(list, register{fmt.Sprintf("st%d", i), 80, "i387_ext", featureCore, fx(32+16*i, 10), false})
	}
	for _, r := range []struct {
		name     string
		off, len int
	}{{"fctrl", 0, 2}, {"fstat", 2, 2}, {"ftag", 0, 0}, {"fiseg", 12, 2}, {"fioff", 8, 4}, {"foseg", 20, 2}, {"fooff", 16, 4}, {"fop", 6, 2}} {
		at := fx(r.off, r.len)
		if r.len == 0 {
			at = func(r *Registers) any { return r.tags() }
		}
		list = append(list, register{r.name, 32, "int", featureCore, at, true})
	}
	for i := range 16 {
		list = append(list, register{fmt.Sprintf("xmm%d", i), 128, "vec128", featureSSE, fx(160+16*i, 16), false})
	}
	list = append(list, register{"mxcsr", 32, "int", featureSSE, fx(24, 4), false},
		register{"fs_base", 64, "int", featureSegments, func(r *Registers) any { return &r.FS.Base }, false},
		register{"gs_base", 64, "int", featureSegments, func(r *Registers) any { return &r.GS.Base }, false})
	for _, r := range []struct {
		name string
		at   func(*Registers) any
	}{
		{"cr0", func(r *Registers) any { return &r.CR0 }},
		{"cr2", func(r *Registers) any { return &r.CR2 }},
		{"cr3", func(r *Registers) any { return &r.CR3 }},
		{"cr4", func(r *Registers) any { return &r.CR4 }},
		{"cr8", func(r *Registers) any { return &r.CR8 }},
		{"efer", func(r *Registers) any { return &r.EFER }},
	} {
		list = append(list, register{r.name, 64, "int64", featureSystem, r.at, true})
	}
	return list
}

// general are the registers with which every description begins.
func general() []register {
	quad := func(name, typ string, at func(*Registers) any) register {
		return register{name, 64, typ, featureCore, at, false}
	}
	segment := func(name string, at func(*Registers) any) register {
		return register{name, 32, "int32", featureCore, at, true}
	}
	return []register{
		quad("rax", "int64", func(r *Registers) any { return &r.RAX }),
		quad("rbx", "int64", func(r *Registers) any { return &r.RBX }),
		quad("rcx", "int64", func(r *Registers) any { return &r.RCX }),
		quad("rdx", "int64", func(r *Registers) any { return &r.RDX }),
		quad("rsi", "int64", func(r *Registers) any { return &r.RSI }),
		quad("rdi", "int64", func(r *Registers) any { return &r.RDI }),
		quad("rbp", "data_ptr", func(r *Registers) any { return &r.RBP }),
		quad("rsp", "data_ptr", func(r *Registers) any { return &r.RSP }),
		quad("r8", "int64", func(r *Registers) any { return &r.R8 }),
		quad("r9", "int64", func(r *Registers) any { return &r.R9 }),
		quad("r10", "int64", func(r *Registers) any { return &r.R10 }),
		quad("r11", "int64", func(r *Registers) any { return &r.R11 }),
		quad("r12", "int64", func(r *Registers) any { return &r.R12 }),
		quad("r13", "int64", func(r *Registers) any { return &r.R13 }),
		quad("r14", "int64", func(r *Registers) any { return &r.R14 }),
		quad("r15", "int64", func(r *Registers) any { return &r.R15 }),
		quad("rip", "code_ptr", func(r *Registers) any { return &r.RIP }),
		{"eflags", 32, "i386_eflags", featureCore, func(r *Registers) any { return &r.RFLAGS }, false},
		segment("cs", func(r *Registers) any { return &r.CS.Selector }),
		segment("ss", func(r *Registers) any { return &r.SS.Selector }),
		segment("ds", func(r *Registers) any { return &r.DS.Selector }),
		segment("es", func(r *Registers) any { return &r.ES.Selector }),
		segment("fs", func(r *Registers) any { return &r.FS.Selector }),
		segment("gs", func(r *Registers) any { return &r.GS.Selector }),
	}
}

// fx is a register within FX.
func fx(off, size int) func(*Registers) any {
	return func(r *Registers) any { return r.FX[off : off+size] }
}

// tags is the x87 tag word, of which FXSAVE keeps one bit for each register: 0 is empty, which the word has as 3.
func (r *Registers) tags() (word uint64) {
	for i := range 8 {
		if r.FX[4]>>i&1 == 0 {
			word |= 3 << (2 * i)
		}
	}
	return word
}

// read appends the register, as gdb's bytes.
func (d *register) read(r *Registers, to []byte) []byte {
	b := make([]byte, 16)
	switch v := d.at(r).(type) {
	case *uint64:
		binary.LittleEndian.PutUint64(b, *v)
	case uint64:
		binary.LittleEndian.PutUint64(b, v)
	case *uint16:
		binary.LittleEndian.PutUint16(b, *v)
	case []byte:
		copy(b, v)
	}
	return append(to, b[:d.bits/8]...)
}

// write changes the register, unless it is one that cannot be written. b has as many bytes as it.
func (d *register) write(r *Registers, b []byte) {
	if d.keep {
		return
	}
	switch v := d.at(r).(type) {
	case *uint64:
		var whole [8]byte
		copy(whole[:], b)
		*v = binary.LittleEndian.Uint64(whole[:])
	case []byte:
		copy(v, b)
	}
}

// all gives every register, as a g packet has them.
func (r *Registers) all() string {
	var b []byte
	for _, d := range registers() {
		b = d.read(r, b)
	}
	return hex.EncodeToString(b)
}

// putAll is for a G packet. It may end early, at a register's end.
func (r *Registers) putAll(b []byte) bool {
	for _, d := range registers() {
		n := d.bits / 8
		if len(b) < n {
			break
		}
		d.write(r, b[:n])
		b = b[n:]
	}
	return len(b) == 0
}

// targetXML describes the registers to gdb.
func targetXML() string {
	var b strings.Builder
	b.WriteString("<?xml version=\"1.0\"?>\n<!DOCTYPE target SYSTEM \"gdb-target.dtd\">\n<target version=\"1.0\">\n<architecture>i386:x86-64</architecture>\n")
	feature := ""
	for _, d := range registers() {
		if d.feature != feature {
			if feature != "" {
				b.WriteString("</feature>\n")
			}
			feature = d.feature
			fmt.Fprintf(&b, "<feature name=%q>\n%s", feature, typesOf(feature))
		}
		fmt.Fprintf(&b, "<reg name=%q bitsize=\"%d\" type=%q/>\n", d.name, d.bits, d.typ)
	}
	b.WriteString("</feature>\n</target>\n")
	return b.String()
}

// typesOf defines the types that gdb does not have by itself.
func typesOf(feature string) string {
	switch feature {
	case featureCore:
		var b strings.Builder
		b.WriteString("<flags id=\"i386_eflags\" size=\"4\">\n")
		for _, f := range []struct {
			name string
			bit  int
		}{{"CF", 0}, {"PF", 2}, {"AF", 4}, {"ZF", 6}, {"SF", 7}, {"TF", 8}, {"IF", 9}, {"DF", 10}, {"OF", 11}, {"NT", 14}, {"RF", 16}, {"VM", 17}, {"AC", 18}, {"ID", 21}} {
			fmt.Fprintf(&b, "<field name=%q start=\"%d\" end=\"%d\"/>\n", f.name, f.bit, f.bit)
		}
		return b.String() + "</flags>\n"
	case featureSSE:
		return "<vector id=\"v4f\" type=\"ieee_single\" count=\"4\"/>\n<vector id=\"v2d\" type=\"ieee_double\" count=\"2\"/>\n" +
			"<vector id=\"v16i8\" type=\"int8\" count=\"16\"/>\n<vector id=\"v8i16\" type=\"int16\" count=\"8\"/>\n" +
			"<vector id=\"v4i32\" type=\"int32\" count=\"4\"/>\n<vector id=\"v2i64\" type=\"int64\" count=\"2\"/>\n" +
			"<union id=\"vec128\">\n<field name=\"v4_float\" type=\"v4f\"/>\n<field name=\"v2_double\" type=\"v2d\"/>\n" +
			"<field name=\"v16_int8\" type=\"v16i8\"/>\n<field name=\"v8_int16\" type=\"v8i16\"/>\n<field name=\"v4_int32\" type=\"v4i32\"/>\n" +
			"<field name=\"v2_int64\" type=\"v2i64\"/>\n<field name=\"uint128\" type=\"uint128\"/>\n</union>\n"
	}
	return ""
}
