package main

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
)

// write puts a file into a directory of the test's and gives its path.
func write(t *testing.T, name string, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// exitWith is the code: mov dx, 0x5f8; mov al, status; out dx, al; jmp .
func exitWith(status byte) []byte {
	return []byte{0x66, 0xba, 0xf8, 0x05, 0xb0, status, 0xee, 0xeb, 0xfe}
}

// tinyKernel exits with status 0.
func tinyKernel(t *testing.T) []byte {
	t.Helper()
	return elfKernel(exitWith(0))
}

// elfKernel is an ELF64 file with one segment, which is entered at its start.
func elfKernel(code []byte) []byte {
	const at, headers = 0x100000, 64 + 56
	var b bytes.Buffer
	for _, part := range []any{
		elf.Header64{
			Ident: [elf.EI_NIDENT]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)},
			Type:  uint16(elf.ET_EXEC), Machine: uint16(elf.EM_X86_64), Version: uint32(elf.EV_CURRENT),
			Entry: at, Phoff: 64, Ehsize: 64, Phentsize: 56, Phnum: 1,
		},
		elf.Prog64{Type: uint32(elf.PT_LOAD), Off: headers, Vaddr: at, Paddr: at,
			Filesz: uint64(len(code)), Memsz: uint64(len(code))},
		code,
	} {
		_ = binary.Write(&b, binary.LittleEndian, part) // a bytes.Buffer takes everything
	}
	return b.Bytes()
}
