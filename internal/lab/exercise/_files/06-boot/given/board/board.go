// Package board is what a kernel wants beside memory: a processor with a name, interrupt controllers, a timer, and a serial port that it
// can write to. It is given. With it what you wrote boots Linux.
package board

import (
	"encoding/binary"
	"errors"
	"fmt"
	"syscall"

	"exercise/kvm"
)

// Board is a machine that is ready to run.
type Board struct {
	Out  func(b byte)                          // what the serial port is written
	Port func(port uint16, b byte) (over bool) // other ports, if it is not nil

	vm  *kvm.VM
	cpu *kvm.VCPU
}

// New makes a board with memory, into which a kernel was loaded, to begin at entry in 32-bit mode with the zero page in RSI.
func New(system *kvm.System, ram []byte, entry, zeroPage uint64) (*Board, error) {
	vm, err := system.CreateVM()
	if err != nil {
		return nil, err
	}
	b := &Board{vm: vm}
	if err := errors.Join(vm.Map(0, 0, ram), vm.CreateIRQChip(), vm.CreatePIT2()); err != nil {
		vm.Close()
		return nil, err
	}
	if b.cpu, err = vm.CreateVCPU(); err != nil {
		vm.Close()
		return nil, err
	}
	if err := errors.Join(system.SetSupportedCPUID(b.cpu), Protected(b.cpu, entry, zeroPage)); err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

// Protected has a vCPU begin at entry in 32-bit mode, as the boot protocol wants it: flat segments, no paging.
func Protected(cpu *kvm.VCPU, entry, zeroPage uint64) error {
	s, err := cpu.Sregs()
	if err != nil {
		return err
	}
	s.CR0 |= 1
	s.CS = kvm.Segment{Selector: 0x10, Limit: 0xffffffff, Type: 11, S: 1, Present: 1, DB: 1, G: 1}
	data := kvm.Segment{Selector: 0x18, Limit: 0xffffffff, Type: 3, S: 1, Present: 1, DB: 1, G: 1}
	s.DS, s.ES, s.FS, s.GS, s.SS = data, data, data, data, data
	return errors.Join(cpu.SetSregs(s), cpu.SetRegs(kvm.Regs{RIP: entry, RSI: zeroPage, RFLAGS: 2}))
}

// Close gives it back.
func (b *Board) Close() {
	b.cpu.Close()
	b.vm.Close()
}

// ErrReset is what a kernel does that is asked to reboot, or that has no other way.
var ErrReset = errors.New("the machine was reset")

// Run runs the kernel until Port says that it is over (nil), or the machine is reset.
func (b *Board) Run() error {
	for {
		reason, err := b.cpu.Run()
		switch {
		case errors.Is(err, kvm.ErrInterrupted):
		case err != nil:
			return err
		case reason == kvm.ExitIO:
			if over, err := b.io(); over || err != nil {
				return err
			}
		case reason == kvm.ExitMMIO: // there is nothing: writes are lost, reads are all ones
			page := b.cpu.Page
			if write := page[52]; write == 0 {
				for i := range page[40:48] {
					page[40+i] = 0xff
				}
			}
		case reason == kvm.ExitShutdown:
			return ErrReset
		default:
			return fmt.Errorf("exit %d: %w", reason, syscall.ENOSYS)
		}
	}
}

// Ports that are answered. All others read as all ones.
const (
	serial     = 0x3f8 // a UART's eight registers; the first takes a byte to be sent
	lineStatus = serial + 5
	keyboard   = 0x64 // its controller's command register
	reset      = 0xfe
	ready      = 0x60 // of the UART: whatever it had is sent
)

// io answers an access to a port (struct kvm_run, io).
func (b *Board) io() (over bool, err error) {
	page, le := b.cpu.Page, binary.LittleEndian
	out, size, port, count := page[32] == 1, int(page[33]), le.Uint16(page[34:]), int(le.Uint32(page[36:]))
	data := page[le.Uint64(page[40:]):][:size*count]
	for i := range data {
		at := port + uint16(i%size)
		switch {
		case !out && at == lineStatus:
			data[i] = ready
		case !out:
			data[i] = 0xff
		case at == serial:
			b.Out(data[i])
		case at == keyboard && data[i] == reset:
			return true, ErrReset
		case b.Port != nil && b.Port(at, data[i]):
			return true, nil
		}
	}
	return false, nil
}
