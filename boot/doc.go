// Package boot puts a kernel into guest RAM, leaves beside it what the kernel expects to find, and
// says in which state the first vCPU must start.
//
// Detect looks at an image and gives the Loader for it:
//
//	image                         entered by                    start state
//	bzImage, as it is             64-bit boot protocol          long mode, RSI = zero page
//	bzImage, its payload          the ELF inside, likewise      long mode, RSI = zero page
//	ELF vmlinux                   the same                      long mode, RSI = zero page
//	ELF with a PVH note           PVH start info                protected mode, EBX = start info
//	the same, of 32 bits          the same                      the same
//
// A bzImage carries its kernel compressed. The host unpacks it sooner than the guest could, so by
// default the ELF inside is streamed straight into guest RAM. A kernel built to be relocated then
// runs at the address it was linked for: the relocation records that follow the ELF are left
// alone, and since only the guest's own unpacking code raises the KASLR flag, a kernel with
// CONFIG_RANDOMIZE_BASE behaves as if it were given nokaslr. Options.Payload chooses otherwise.
//
// Specifications: Documentation/arch/x86/boot.rst and zero-page.rst in Linux; Xen's
// docs/misc/pvh.pandoc and public/arch-x86/hvm/start_info.h; the MultiProcessor Specification 1.4;
// ACPI 6.5.
//
// Every byte of an image may be hostile: sizes are checked before they are added, a stream is
// bounded before it is unpacked, and guest RAM is reached through memory.Guest alone. What is
// wrong with an image is an *fault.Error.
//
// Read boot.go first, then detect.go, linux.go (what a kernel finds in RAM) and entry.go. Then come
// the formats: bzimage.go, elf.go, pvh.go, payload.go; and the tables: e820.go, mptable.go, acpi.go,
// aml.go.
package boot
