package tiny

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"testing"

	"golang.org/x/arch/x86/x86asm"
)

func TestELF(t *testing.T) {
	for name, image := range map[string][]byte{"start": Start(), "exits": Exits(1000), "loop": Loop()} {
		f, err := elf.NewFile(bytes.NewReader(image))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if f.Class != elf.ELFCLASS64 || f.Type != elf.ET_EXEC || f.Machine != elf.EM_X86_64 || len(f.Progs) != 2 {
			t.Fatalf("%s: header %+v, %d segments", name, f.FileHeader, len(f.Progs))
		}
		load, note := f.Progs[0], f.Progs[1]
		if load.Type != elf.PT_LOAD || note.Type != elf.PT_NOTE || load.Filesz != uint64(len(image)) {
			t.Errorf("%s: segments %+v and %+v of %d bytes", name, load.ProgHeader, note.ProgHeader, len(image))
		}
		n := make([]byte, note.Filesz)
		if _, err := note.ReadAt(n, 0); err != nil {
			t.Fatal(err)
		}
		if entry := binary.LittleEndian.Uint32(n[16:]); string(n[12:16]) != "Xen\x00" || entry != codeAddr || f.Entry != codeAddr {
			t.Errorf("%s: note % x; the header's entry is %#x", name, n, f.Entry)
		}
	}
}

// TestCode compares the bytes with the assembly in their comments.
func TestCode(t *testing.T) {
	reset := []string{"mov al, 0xfe", "out 0x64, al", "hlt", "jmp .-0x3"}
	start := append([]string{"mov dx, 0x3f8", "mov al, 0x2", "out dx, al"}, reset...)
	for _, tt := range []struct {
		name string
		code []byte
		mode int
		want []string
	}{
		{"start", Start()[codeAt:], 32, start},
		{"firmware", ROM()[:13], 16, start},
		{"loop", Loop()[codeAt:], 32, []string{"mov dx, 0x3f8", "mov al, 0x2", "out dx, al", "jmp .-0x3"}},
		{"exits", loopCode(7), 64, append([]string{"mov dx, 0x3f8", "mov al, 0x2", "out dx, al", "mov ecx, 0x7",
			"out 0x80, al", "loop .-0x4", "mov dx, 0x3f8", "mov al, 0x3", "out dx, al"}, reset...)},
		{"to long mode", enterLongMode()[:38], 32, []string{"mov eax, cr4", "or al, 0x20", "mov cr4, eax",
			fmt.Sprintf("mov eax, %#x", pml4), "mov cr3, eax", "mov ecx, 0xc0000080", "xor edx, edx",
			"mov eax, 0x100", "wrmsr", "mov eax, 0x80000011", "mov cr0, eax"}},
		{"table", enterLongMode()[38:45], 32, []string{fmt.Sprintf("lgdt ptr [%#x]", gdtr)}},
	} {
		if got := disassemble(t, tt.code, tt.mode); fmt.Sprint(got) != fmt.Sprint(tt.want) {
			t.Errorf("%s:\n%q, want\n%q", tt.name, got, tt.want)
		}
	}
}

func disassemble(t *testing.T, code []byte, mode int) (text []string) {
	t.Helper()
	for len(code) > 0 {
		inst, err := x86asm.Decode(code, mode)
		if err != nil {
			t.Fatalf("% x: %v", code, err)
		}
		text = append(text, x86asm.IntelSyntax(inst, 0, nil))
		code = code[inst.Len:]
	}
	return text
}

func TestFarJumpLeadsToTheLoop(t *testing.T) {
	code := enterLongMode()
	jump := code[len(code)-7:]
	if to := binary.LittleEndian.Uint32(jump[1:]); jump[0] != 0xea || int(to) != codeAddr+len(code) || jump[5] != 8 {
		t.Errorf("% x at the end of %d bytes at %#x", jump, len(code), codeAddr)
	}
}

func TestROMJumpsToItsStart(t *testing.T) {
	rom := ROM()
	j := rom[0xfff0:]
	if len(rom) != 64<<10 || j[0] != 0xe9 || 0xfff3+(uint16(j[1])|uint16(j[2])<<8) != 0 {
		t.Errorf("%d bytes, reset vector % x", len(rom), j[:3])
	}
}
