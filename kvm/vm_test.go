package kvm_test

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"terem/internal/kvmtest"
	"terem/kvm"
)

func TestMapErrors(t *testing.T) {
	g := newGuest(t)
	page := os.Getpagesize()
	for _, tt := range []struct {
		name string
		gpa  uint64
		host []byte
		want string
	}{
		{"address within a page", 0x100001, g.ram[:page], "not page-aligned"},
		{"length of half a page", 0x100000, g.ram[:page/2], "not page-aligned"},
		{"host address within a page", 0x100000, g.ram[8 : 8+page], "KVM_SET_USER_MEMORY_REGION"},
		{"over another slot", 0, g.ram[:page], "KVM_SET_USER_MEMORY_REGION"},
		{"end beyond the address space", -uint64(page), g.ram[:2*page], "KVM_SET_USER_MEMORY_REGION"},
	} {
		if err := g.vm.Map(1, tt.gpa, tt.host, 0); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want %q", tt.name, err, tt.want)
		}
	}
	check(t, g.vm.Map(0, 0, nil, 0)) // removes the slot
	check(t, g.vm.Map(1, 0, g.ram[:page], 0))
}

func TestMapReadOnly(t *testing.T) {
	// mov ax, 0x2000; mov ds, ax; mov al, [1]; mov [2], al
	g := newGuest(t, 0xb8, 0x00, 0x20, 0x8e, 0xd8, 0xa0, 0x01, 0x00, 0xa2, 0x02, 0x00)
	rom, err := unix.Mmap(-1, 0, os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	check(t, err)
	defer func() { check(t, unix.Munmap(rom)) }()
	rom[1] = 0x5a
	check(t, g.vm.Map(1, 0x20000, rom, kvm.MapReadOnly))
	g.run(t, kvm.ExitMMIO)
	if x := g.cpu.MMIO(); !x.Write || x.Addr != 0x20002 || len(x.Data) != 1 || x.Data[0] != 0x5a || rom[2] != 0 {
		t.Errorf("a store to ROM: %+v, ROM is now %x", x, rom[:4])
	}
	g.finish(t)
	check(t, g.vm.Map(1, 0x20000, nil, 0))
}

func TestIRQFD(t *testing.T) {
	g := newGuest(t)
	e, err := kvm.NewEvent()
	check(t, err)
	defer e.Close()
	check(t, g.vm.IRQFD(4, e))
	if err := g.vm.IRQFD(4, e); !errors.Is(err, unix.EBUSY) {
		t.Errorf("the same eventfd twice: %v, want EBUSY", err)
	}
	check(t, e.Signal())
	// A work item of the kernel raises the line, in its own time.
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		chip, err := g.vm.IRQChip(kvm.ChipPICMaster)
		check(t, err)
		if chip.Chip[1]&(1<<4) != 0 { // kvm_pic_state: last_irr, irr
			break
		}
		if time.Now().After(end) {
			t.Fatalf("after Signal the 8259A's request register is %#x: no line 4", chip.Chip[1])
		}
	}
	check(t, g.vm.RemoveIRQFD(4, e))
	if n, err := e.Drain(); err != nil {
		t.Errorf("after RemoveIRQFD: %d, %v", n, err)
	}
	check(t, e.Signal())
	if n, err := e.Drain(); n != 1 || err != nil {
		t.Errorf("after RemoveIRQFD the kernel still takes signals: %d, %v", n, err)
	}
}

func TestIOEventFD(t *testing.T) {
	// mov al, 5; out 0x90, al; mov al, 6; out 0x90, al; out 0x91, al
	g := newGuest(t, 0xb0, 0x05, 0xe6, 0x90, 0xb0, 0x06, 0xe6, 0x90, 0xe6, 0x91)
	e, err := kvm.NewEvent()
	check(t, err)
	defer e.Close()
	five := uint64(5)
	m := kvm.IOMatch{Addr: 0x90, Len: 1, Port: true, Data: &five}
	check(t, g.vm.IOEventFD(m, e))
	g.run(t, kvm.ExitIO) // the 5 made none
	if x := g.cpu.IO(); x.Port != 0x90 || !x.Out || x.Data[0] != 6 {
		t.Errorf("the first exit is %+v, want the OUT of 6", x)
	}
	if n, err := e.Drain(); n != 1 || err != nil {
		t.Errorf("the eventfd counts %d, %v; want 1", n, err)
	}
}

func TestIRQChipState(t *testing.T) {
	g := newGuest(t)
	for _, id := range []uint32{kvm.ChipPICMaster, kvm.ChipPICSlave, kvm.ChipIOAPIC} {
		c, err := g.vm.IRQChip(id)
		check(t, err)
		check(t, g.vm.SetIRQChip(c))
		again, err := g.vm.IRQChip(id)
		check(t, err)
		if again != c {
			t.Errorf("chip %d is not what it was set to", id)
		}
	}
	check(t, g.vm.IRQLine(4, true))
	check(t, g.vm.IRQLine(4, false))
	clock, err := g.vm.Clock()
	check(t, err)
	check(t, g.vm.SetClock(kvm.ClockData{Clock: clock.Clock}))
}

func TestPIT(t *testing.T) {
	sys := kvmtest.Open(t)
	vm, err := sys.CreateVM()
	check(t, err)
	defer vm.Close()
	check(t, vm.CreateIRQChip()) // before: some kernels refuse a PIT without them, Linux 6.1 makes one
	check(t, vm.CreatePIT())
	p, err := vm.PIT()
	check(t, err)
	check(t, vm.SetPIT(p))
	if err := vm.CreatePIT(); !errors.Is(err, unix.EEXIST) {
		t.Errorf("a second PIT: %v, want EEXIST", err)
	}
}

func TestCloseLeavesNothing(t *testing.T) {
	kvmtest.Open(t)
	before := openFiles(t)
	for range 20 {
		sys, err := kvm.Open()
		check(t, err)
		vm, err := sys.CreateVM()
		check(t, err)
		c, err := vm.CreateVCPU(0)
		check(t, err)
		if _, err := c.Stats(); err != nil {
			t.Log(err)
		}
		if _, err := vm.CreateVCPU(0); !errors.Is(err, unix.EEXIST) {
			t.Errorf("vCPU 0 twice: %v, want EEXIST", err)
		}
		check(t, c.Close())
		check(t, vm.Close())
		check(t, sys.Close())
	}
	if after := openFiles(t); after != before {
		t.Errorf("%d descriptors are open, %d before", after, before)
	}
}

func TestHostAnswers(t *testing.T) {
	sys := kvmtest.Open(t)
	advised, most, err := sys.RecommendedVCPUs()
	if err != nil || advised < 1 || most < advised {
		t.Errorf("vCPUs: %d advised, %d at most, %v", advised, most, err)
	}
	leaves, err := sys.SupportedCPUID()
	if err != nil || len(leaves) < 3 || leaves[0].Function != 0 {
		t.Errorf("CPUID: %d leaves, %v", len(leaves), err)
	}
	msrs, err := sys.SavedMSRs()
	if err != nil || len(msrs) < 10 {
		t.Errorf("%d MSRs, %v", len(msrs), err)
	}
	if v, err := sys.Check(kvm.CapIRQChip); v != 1 || err != nil {
		t.Errorf("KVM_CAP_IRQCHIP: %d, %v", v, err)
	}
}
