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
	image := ELF(1000)
	f, err := elf.NewFile(bytes.NewReader(image))
	if err != nil {
		t.Fatal(err)
	}
	if f.Class != elf.ELFCLASS64 || f.Type != elf.ET_EXEC || f.Machine != elf.EM_X86_64 || len(f.Progs) != 2 {
		t.Fatalf("header %+v, %d segments", f.FileHeader, len(f.Progs))
	}
	load, note := f.Progs[0], f.Progs[1]
	if load.Type != elf.PT_LOAD || note.Type != elf.PT_NOTE || load.Filesz != uint64(len(image)) {
		t.Errorf("segments %+v and %+v of %d bytes", load.ProgHeader, note.ProgHeader, len(image))
	}
	n := make([]byte, note.Filesz)
	if _, err := note.ReadAt(n, 0); err != nil {
		t.Fatal(err)
	}
	entry := binary.LittleEndian.Uint32(n[16:])
	if string(n[12:16]) != "Xen\x00" || uint64(entry) != f.Entry {
		t.Errorf("note % x; the header's entry is %#x", n, f.Entry)
	}
	if code := image[uint64(entry)-load.Paddr:]; !bytes.Equal(code, Code(1000)) {
		t.Errorf("at the entry is % x", code)
	}
}

// TestCode compares the bytes with the assembly in their comments.
func TestCode(t *testing.T) {
	for _, tt := range []struct {
		name string
		code []byte
		mode int
		want []string
	}{
		{"start", Code(0), 32, []string{"mov dx, 0x3f8", "mov al, 0x2", "out dx, al",
			"mov al, 0xfe", "out 0x64, al", "hlt", "jmp .-0x3"}},
		{"exits", Code(7), 32, []string{"mov dx, 0x3f8", "mov al, 0x2", "out dx, al", "mov ecx, 0x7",
			"out 0x80, al", "loop .-0x4", "mov al, 0x3", "out dx, al", "mov al, 0xfe", "out 0x64, al", "hlt", "jmp .-0x3"}},
		{"firmware", ROM()[:13], 16, []string{"mov dx, 0x3f8", "mov al, 0x2", "out dx, al",
			"mov al, 0xfe", "out 0x64, al", "hlt", "jmp .-0x3"}},
	} {
		var got []string
		for rest := tt.code; len(rest) > 0; {
			inst, err := x86asm.Decode(rest, tt.mode)
			if err != nil {
				t.Fatalf("%s: % x: %v", tt.name, rest, err)
			}
			got = append(got, x86asm.IntelSyntax(inst, 0, nil))
			rest = rest[inst.Len:]
		}
		if fmt.Sprint(got) != fmt.Sprint(tt.want) {
			t.Errorf("%s:\n%q, want\n%q", tt.name, got, tt.want)
		}
	}
}

func TestROMJumpsToItsStart(t *testing.T) {
	rom := ROM()
	j := rom[0xfff0:]
	if len(rom) != 64<<10 || j[0] != 0xe9 || 0xfff3+(uint16(j[1])|uint16(j[2])<<8) != 0 {
		t.Errorf("%d bytes, reset vector % x", len(rom), j[:3])
	}
}
