package assist

import (
	"encoding/binary"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// native executes single instructions on the host's own CPU, in the process of the test: the truth that
// the instructions of bits.go are compared with.
type native struct {
	page  []byte // code, and from nativeState on the registers
	state []byte
}

const nativeState = 0x800

// registers are those that an instruction under test may use; RDI holds the address of memory.
type registers struct{ rax, rbx, rcx, rdx, flags, memory uint64 }

func newNative(t *testing.T) *native {
	t.Helper()
	page, err := unix.Mmap(-1, 0, unix.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE|unix.PROT_EXEC,
		unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	check(t, err)
	t.Cleanup(func() { check(t, unix.Munmap(page)) })
	return &native{page, page[nativeState:]}
}

// run gives the registers after one instruction. The code keeps to what Go expects of a function: R14, RSP
// and RBP stay.
func (n *native) run(insn []byte, r registers) registers {
	// SAFETY: the page is mapped until the end of the test, and does not move.
	at := uint64(uintptr(unsafe.Pointer(&n.state[0])))
	code := binary.LittleEndian.AppendUint64([]byte{0x48, 0xbe}, at)                 // mov rsi, at
	code = append(code, 0x48, 0x8b, 0x06, 0x48, 0x8b, 0x5e, 8, 0x48, 0x8b, 0x4e, 16, // mov rax, [rsi]; rbx; rcx
		0x48, 0x8b, 0x56, 24, 0x48, 0x8d, 0x7e, 40, // mov rdx, [rsi+24]; lea rdi, [rsi+40]
		0xff, 0x76, 32, 0x9d) // push [rsi+32]; popfq
	code = append(code, insn...)
	code = append(code, 0x9c, 0x8f, 0x46, 32, // pushfq; pop [rsi+32]
		0x48, 0x89, 0x06, 0x48, 0x89, 0x5e, 8, 0x48, 0x89, 0x4e, 16, 0x48, 0x89, 0x56, 24, 0xc3) // and back; ret
	copy(n.page, code)
	for i, v := range []uint64{r.rax, r.rbx, r.rcx, r.rdx, r.flags, r.memory} {
		binary.LittleEndian.PutUint64(n.state[8*i:], v)
	}
	entry := &n.page[0]
	f := &entry
	// SAFETY: a func value is a pointer to a pointer to code.
	(*(*func())(unsafe.Pointer(&f)))()
	at8 := func(i int) uint64 { return binary.LittleEndian.Uint64(n.state[8*i:]) }
	return registers{at8(0), at8(1), at8(2), at8(3), at8(4), at8(5)}
}
