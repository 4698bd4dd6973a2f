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
	for bits, image := range map[int][]byte{64: pvhKernel(t), 32: pvhKernel32(t)} {
		kernel := filepath.Join(t.TempDir(), "kernel")
		if err := os.WriteFile(kernel, image, 0o600); err != nil {
			t.Fatal(err)
		}
		const reset = 80
		s := terem(t, "", "run", "--quiet", "--timeout", "60s", "--kernel", kernel)
		if s.status != reset || s.out != "P" {
			t.Errorf("%d bits: status %d, output %q, standard error %q; want %d and P", bits, s.status, s.out, s.stderr, reset)
		}
	}
}

// pvhCode writes P to COM1 and pulses the reset line of the keyboard controller.
func pvhCode() []byte {
	return []byte{
		0x66, 0xba, 0xf8, 0x03, // mov dx, 0x3f8
		0xb0, 'P', 0xee, // mov al, 'P'; out dx, al
		0xb0, 0xfe, 0xe6, 0x64, // mov al, 0xfe; out 0x64, al
		0xf4, 0xeb, 0xfd, // hlt; jmp to it
	}
}

// Where a kernel goes, and how long its note is.
const pvhLoad, pvhNote = 0x100000, 20

// pvhKernel is an ELF file with a note XEN_ELFNOTE_PHYS32_ENTRY (xen/include/public/elfnote.h) and nothing else that
// would tell how to enter it.
func pvhKernel(t *testing.T) []byte {
	t.Helper()
	const headers = 64 + 2*56
	size := uint64(headers + pvhNote + len(pvhCode()))
	return pvhFile(t, headers,
		elf.Header64{Ident: [elf.EI_NIDENT]byte{0x7f, 'E', 'L', 'F', 2, 1, 1}, Type: uint16(elf.ET_EXEC), Machine: uint16(elf.EM_X86_64),
			Version: 1, Entry: pvhLoad + headers + pvhNote, Phoff: 64, Ehsize: 64, Phentsize: 56, Phnum: 2},
		elf.Prog64{Type: uint32(elf.PT_LOAD), Flags: 7, Vaddr: pvhLoad, Paddr: pvhLoad, Filesz: size, Memsz: size, Align: 4096},
		elf.Prog64{Type: uint32(elf.PT_NOTE), Flags: 4, Off: headers, Vaddr: pvhLoad + headers, Paddr: pvhLoad + headers,
			Filesz: pvhNote, Memsz: pvhNote, Align: 4})
}

// pvhKernel32 is the same in 32 bits, as the kernel of a small system for i386 may be.
func pvhKernel32(t *testing.T) []byte {
	t.Helper()
	const headers = 52 + 2*32
	size := uint32(headers + pvhNote + len(pvhCode()))
	return pvhFile(t, headers,
		elf.Header32{Ident: [elf.EI_NIDENT]byte{0x7f, 'E', 'L', 'F', 1, 1, 1}, Type: uint16(elf.ET_EXEC), Machine: uint16(elf.EM_386),
			Version: 1, Phoff: 52, Ehsize: 52, Phentsize: 32, Phnum: 2},
		elf.Prog32{Type: uint32(elf.PT_LOAD), Flags: 7, Vaddr: pvhLoad, Paddr: pvhLoad, Filesz: size, Memsz: size, Align: 4096},
		elf.Prog32{Type: uint32(elf.PT_NOTE), Flags: 4, Off: headers, Vaddr: pvhLoad + headers, Paddr: pvhLoad + headers,
			Filesz: pvhNote, Memsz: pvhNote, Align: 4})
}

// pvhFile puts note and code behind headers of so many bytes.
func pvhFile(t *testing.T, headers uint32, parts ...any) []byte {
	t.Helper()
	var b bytes.Buffer
	for _, part := range append(parts, []uint32{4, 4, 18}, []byte("Xen\x00"), pvhLoad+headers+pvhNote, pvhCode()) {
		if err := binary.Write(&b, binary.LittleEndian, part); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}
