package launch

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"terem/guest"
	"terem/guest/initramfs"
)

// ymmSpin fills ymm7 with its argument's first character and looks, for a second or
// two, whether it stays so. Its exit status is 0 if it does.
var ymmSpin = []byte{
	0x48, 0x8b, 0x74, 0x24, 0x10, // mov rsi, [rsp+16]: argv[1]
	0x0f, 0xb6, 0x06, // movzx eax, byte [rsi]
	0xc5, 0xf9, 0x6e, 0xf8, // vmovd xmm7, eax
	0xc4, 0xe2, 0x7d, 0x78, 0xff, // vpbroadcastb ymm7, xmm7
	0xb9, 0x00, 0x94, 0x35, 0x77, // mov ecx, 2000000000
	0xc5, 0xf9, 0x6e, 0xe8, // 1: vmovd xmm5, eax
	0xc4, 0xe2, 0x7d, 0x78, 0xed, // vpbroadcastb ymm5, xmm5
	0xc5, 0xd5, 0x74, 0xef, // vpcmpeqb ymm5, ymm5, ymm7
	0xc5, 0xfd, 0xd7, 0xd5, // vpmovmskb edx, ymm5
	0xff, 0xc2, // inc edx
	0x75, 0x04, // jnz 2f
	0xff, 0xc9, // dec ecx
	0x75, 0xe7, // jnz 1b
	0x31, 0xff, // 2: xor edi, edi
	0x85, 0xd2, // test edx, edx
	0x40, 0x0f, 0x95, 0xc7, // setne dil
	0xb8, 0x3c, 0x00, 0x00, 0x00, // mov eax, 60: exit
	0x0f, 0x05, // syscall
}

// staticProgram is an ELF64 program of one segment, the code.
func staticProgram(t *testing.T, code []byte) []byte {
	t.Helper()
	const base, headers = 0x400000, 64 + 56
	var b bytes.Buffer
	size := uint64(headers + len(code))
	for _, part := range []any{
		elf.Header64{
			Ident: [elf.EI_NIDENT]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)},
			Type:  uint16(elf.ET_EXEC), Machine: uint16(elf.EM_X86_64), Version: uint32(elf.EV_CURRENT),
			Entry: base + headers, Phoff: 64, Ehsize: 64, Phentsize: 56, Phnum: 1,
		},
		elf.Prog64{Type: uint32(elf.PT_LOAD), Flags: uint32(elf.PF_R | elf.PF_X), Vaddr: base, Filesz: size, Memsz: size, Align: 4096},
		code,
	} {
		if err := binary.Write(&b, binary.LittleEndian, part); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

// withProgram is the default initrd with one more file in it.
func withProgram(t *testing.T, name string, program []byte) string {
	t.Helper()
	a, err := guest.FindInitrd(defaultCache(t))
	if err != nil {
		t.Fatal(err)
	}
	first, err := os.ReadFile(a.Initrd)
	if err != nil {
		t.Fatal(err)
	}
	b := bytes.NewBuffer(first) // the kernel unpacks archives that follow each other
	more := new(initramfs.Archive)
	more.File(name, 0o755, program)
	if _, err := more.WriteTo(b); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "initrd")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestBootKeepsVectorRegisters: two processes take turns on one vCPU, and each finds
// all of its AVX registers as they were, not the lower halves alone. A program sees
// the CPU's own CPUID on a software backend, and the C library copies strings by AVX
// because of it, so a guest kernel that knows less than the CPU would mix them up.
func TestBootKeepsVectorRegisters(t *testing.T) {
	if testing.Short() {
		t.Skip("boots Linux: not in -short")
	}
	if cpu, err := os.ReadFile("/proc/cpuinfo"); err != nil || !strings.Contains(string(cpu), " avx2 ") {
		t.Skip("this CPU has no AVX2")
	}
	spin := ymmSpin
	if os.Getenv("TEREM_HARDWARE") != "" { // an emulated processor takes minutes for as many looks
		count := func(n uint32) []byte { return binary.LittleEndian.AppendUint32(nil, n) }
		spin = bytes.Replace(spin, count(2_000_000_000), count(100_000_000), 1)
	}
	r := bootGuest(t, "", Options{Initrd: withProgram(t, "ymm", staticProgram(t, spin)),
		Command: []string{"sh", "-c", "/ymm a & /ymm b; s=$?; wait $!; echo $? $s"}})
	if r.out != "0 0\n" || r.status != 0 {
		t.Errorf("status %d, output %q, %s; want two statuses of 0", r.status, r.out, r.stderr)
	}
}
