package atwork

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
)

// TestPVH enters a kernel in 32-bit protected mode with paging off, which a processor that cannot run such a guest by
// itself leaves to KVM.
func TestPVH(t *testing.T) {
	emulated(t)
	kernel := filepath.Join(t.TempDir(), "kernel")
	if err := os.WriteFile(kernel, pvhKernel(t), 0o600); err != nil {
		t.Fatal(err)
	}
	const reset = 80
	s := terem(t, "", "run", "--quiet", "--timeout", "60s", "--kernel", kernel)
	if s.status != reset || s.out != "P" {
		t.Errorf("status %d, output %q, standard error %q; want %d and P", s.status, s.out, s.stderr, reset)
	}
}

// pvhKernel is an ELF file with a note XEN_ELFNOTE_PHYS32_ENTRY (xen/include/public/elfnote.h) and nothing else that
// would tell how to enter it. It writes P to COM1 and pulses the reset line of the keyboard controller.
func pvhKernel(t *testing.T) []byte {
	t.Helper()
	const (
		load    = 0x100000
		headers = 64 + 2*56
		note    = 20
	)
	code := []byte{
		0x66, 0xba, 0xf8, 0x03, // mov dx, 0x3f8
		0xb0, 'P', 0xee, // mov al, 'P'; out dx, al
		0xb0, 0xfe, 0xe6, 0x64, // mov al, 0xfe; out 0x64, al
		0xf4, 0xeb, 0xfd, // hlt; jmp to it
	}
	size := uint64(headers + note + len(code))
	var b bytes.Buffer
	for _, part := range []any{
		elf.Header64{Ident: [elf.EI_NIDENT]byte{0x7f, 'E', 'L', 'F', 2, 1, 1}, Type: uint16(elf.ET_EXEC), Machine: uint16(elf.EM_X86_64),
			Version: 1, Entry: load + headers + note, Phoff: 64, Ehsize: 64, Phentsize: 56, Phnum: 2},
		elf.Prog64{Type: uint32(elf.PT_LOAD), Flags: 7, Vaddr: load, Paddr: load, Filesz: size, Memsz: size, Align: 4096},
		elf.Prog64{Type: uint32(elf.PT_NOTE), Flags: 4, Off: headers, Vaddr: load + headers, Paddr: load + headers, Filesz: note, Memsz: note, Align: 4},
		[]uint32{4, 4, 18}, []byte("Xen\x00"), uint32(load + headers + note), code,
	} {
		if err := binary.Write(&b, binary.LittleEndian, part); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}
