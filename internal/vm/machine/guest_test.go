package machine

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"terem/internal/kvmtest"
)

// codeAt is where tiny kernels are loaded and entered, in 64-bit mode.
const codeAt = 0x100000

// elfKernel is an ELF64 file with one segment: the code, at codeAt.
func elfKernel(code []byte) []byte {
	var b bytes.Buffer
	header := elf.Header64{
		Ident: [elf.EI_NIDENT]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)},
		Type:  uint16(elf.ET_EXEC), Machine: uint16(elf.EM_X86_64), Version: uint32(elf.EV_CURRENT),
		Entry: codeAt, Phoff: 64, Ehsize: 64, Phentsize: 56, Phnum: 1,
	}
	segment := elf.Prog64{Type: uint32(elf.PT_LOAD), Off: 64 + 56, Vaddr: codeAt, Paddr: codeAt,
		Filesz: uint64(len(code)), Memsz: uint64(len(code)) + 0x1000}
	for _, part := range []any{header, segment, code} {
		// A bytes.Buffer takes everything, and the structs have fixed sizes.
		_ = binary.Write(&b, binary.LittleEndian, part)
	}
	return b.Bytes()
}

// out is the code that writes v to a port: mov dx, port; mov al, v; out dx, al.
func out(port uint16, v byte) []byte {
	return []byte{0x66, 0xba, byte(port), byte(port >> 8), 0xb0, v, 0xee}
}

// say is the code that writes s to the serial port.
func say(s string) (code []byte) {
	for _, c := range []byte(s) {
		code = append(code, out(0x3f8, c)...)
	}
	return code
}

var (
	codeSpin        = []byte{0xfb, 0xeb, 0xfe}             // sti; jmp .
	codeHalt        = []byte{0xfa, 0xf4, 0xeb, 0xfd}       // cli; 1: hlt; jmp 1b
	codeTripleFault = []byte{0x0f, 0x0b}                   // ud2, with no IDT
	codeReset       = append(out(0x64, 0xfe), codeHalt...) // i8042: pulse the reset line
)

func code(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// tinyConfig is the smallest machine that runs code.
func tinyConfig(code []byte) Config {
	k := elfKernel(code)
	return Config{Kernel: File{Name: "tiny", R: bytes.NewReader(k), Size: int64(len(k))}, Memory: MinMemory, CPUs: 1}
}

// newTiny builds a machine that the test closes at its end.
func newTiny(t testing.TB, c Config) *Machine {
	t.Helper()
	kvmtest.Open(t)
	m, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

func start(t testing.TB, m *Machine) {
	t.Helper()
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
}

// waitFor gives the machine's outcome, and the guest half a minute to come to it.
func waitFor(t testing.TB, m *Machine) Outcome {
	t.Helper()
	select {
	case <-m.Done():
		return m.Wait()
	case <-time.After(30 * time.Second):
		t.Fatal("the guest did not end within 30 seconds")
		return Outcome{}
	}
}

// console collects what the guest writes.
type console struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (c *console) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.b.Write(p)
}

func (c *console) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.b.String()
}

func openFiles(t testing.TB) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// leakCheck compares descriptors and goroutines now with those at the test's end.
func leakCheck(t *testing.T) {
	t.Helper()
	files, routines := openFiles(t), runtime.NumGoroutine()
	t.Cleanup(func() {
		for end := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > routines && time.Now().Before(end); {
			time.Sleep(time.Millisecond)
		}
		if n := runtime.NumGoroutine(); n > routines {
			t.Errorf("%d goroutines, %d before", n, routines)
		}
		if n := openFiles(t); n != files {
			t.Errorf("%d descriptors are open, %d before", n, files)
		}
	})
}
