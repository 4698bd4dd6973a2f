package boot_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"

	"terem/boot"
	"terem/kvm"
	"terem/memory"
)

// haltKernel is the smallest ELF file that can be booted: one HLT at 1 MiB.
func haltKernel() []byte {
	le := binary.LittleEndian
	b := make([]byte, 0x40+0x38, 0x80)
	copy(b, "\x7fELF\x02\x01\x01") // 64-bit, little-endian
	le.PutUint16(b[0x12:], 62)     // x86-64
	le.PutUint64(b[0x18:], 1<<20)  // entry
	le.PutUint64(b[0x20:], 0x40)   // program headers
	le.PutUint16(b[0x36:], 0x38)
	le.PutUint16(b[0x38:], 1)
	h := b[0x40:]
	le.PutUint32(h, 1)                      // PT_LOAD
	le.PutUint64(h[0x8:], uint64(len(b)))   // offset
	le.PutUint64(h[0x18:], 1<<20)           // address
	le.PutUint64(h[0x20:], 1)               // size in the file
	le.PutUint64(h[0x28:], memory.PageSize) // and in memory
	return append(b, 0xf4)
}

func ExampleDetect() {
	kernel := haltKernel()
	loader, err := boot.Detect(bytes.NewReader(kernel), int64(len(kernel)), boot.Options{Name: "halt"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(loader)

	text := "#!/bin/sh\n"
	_, err = boot.Detect(strings.NewReader(text), int64(len(text)), boot.Options{Name: "start.sh"})
	fmt.Println(err)
	// Output:
	// ELF, entered at 0x100000 in 64-bit mode
	// kernel start.sh: is a text file, not a kernel; name a Linux/x86-64 bzImage or vmlinux with Kernel
}

func ExampleLoader() {
	m, err := memory.New(16 << 20)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer m.Close()
	kernel := haltKernel()
	loader, err := boot.Detect(bytes.NewReader(kernel), int64(len(kernel)), boot.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	entry, err := loader.Load(m, boot.Platform{CmdLine: "console=ttyS0", CPUs: 1, MPTable: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	instruction, _ := m.Load8(entry.IP)
	fmt.Printf("%#x at %v, zero page at %v\n", instruction, entry.IP, entry.Arg)
	// Output: 0xf4 at 0x100000, zero page at 0x7000
}

func ExampleEntry_Apply() {
	var regs kvm.Regs
	var sregs kvm.Sregs // as KVM_GET_SREGS gave them
	entry := boot.Entry{Mode: boot.Long, IP: 0x1000000, Arg: memory.ZeroPage}
	entry.Apply(&regs, &sregs)
	fmt.Printf("RIP %#x, RSI %#x, CR3 %#x, EFER %#x\n", regs.RIP, regs.RSI, sregs.CR3, sregs.EFER)
	// Output: RIP 0x1000000, RSI 0x7000, CR3 0x9000, EFER 0x500
}

func Example_fault() {
	m, err := memory.New(16 << 20)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer m.Close()
	kernel := haltKernel()
	loader, err := boot.Detect(bytes.NewReader(kernel), int64(len(kernel)), boot.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	initrd := make([]byte, 20<<20)
	_, err = loader.Load(m, boot.Platform{
		Initrd: &boot.Initrd{Name: "root.cpio", R: bytes.NewReader(initrd), Size: int64(len(initrd))}})
	fmt.Println(err)
	// Output: initrd root.cpio: its 20 MiB do not fit between the kernel's end at 0x101000 and 0x1000000, and the guest has 16 MiB of memory; give the guest more memory with Memory: 24M at least
}
