package exercise

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"strings"
)

const readBoot = "https://docs.kernel.org/arch/x86/boot.html"

// boot is exercise 6: what a kernel wants to find in memory.
func boot() *Exercise {
	return &Exercise{Number: 6, Name: "06-boot", Title: "boot Linux: what it wants to find", Checks: []Check{
		{Name: "the memory map", Points: 2, Do: memoryMap},
		{Name: "the zero page", Points: 2, Do: theZeroPage},
		{Name: "the kernel", Points: 1, Do: theKernel},
		{Name: "the initrd", Points: 2, Do: theInitrd},
		{Name: "what is no kernel", Points: 1, Do: noKernel},
		{Name: "a toy kernel", Points: 1, KVM: true, Do: toyKernel},
		{Name: "Linux", Points: 1, KVM: true, Do: realLinux},
	}}
}

// entry is a range of the memory map.
type entry struct {
	Addr, Size uint64
	Type       uint32
}

func (e entry) String() string { return fmt.Sprintf("%s+%s type %d", hex(e.Addr), hex(e.Size), e.Type) }

// within says whether an address is in it.
func (e entry) within(a uint64) bool { return a >= e.Addr && a-e.Addr < e.Size }

// usable says whether an address is memory by a map.
func usable(list []entry, a uint64) bool {
	for _, e := range list {
		if e.Type == 1 && e.within(a) {
			return true
		}
	}
	return false
}

func memoryMap(s Subject) error {
	r := s.Rand()
	const mib = 1 << 20
	for _, memory := range []uint64{mib * (16 + r.Uint64N(1000)), pciHole, pciHole + mib*(1+r.Uint64N(4000))} {
		var list []entry
		if err := s.Ask(Question{Op: "e820", Args: memory}, &list); err != nil {
			return err
		}
		if len(list) == 0 {
			return unwritten("E820", readBoot)
		}
		if cause := whyNotMap(list, memory); cause != "" {
			return &Wrong{Seen: fmt.Sprintf("%d MiB of memory: %v", memory/mib, list), Expected: "what there is of RAM, in ascending order, and nothing else as RAM", Cause: cause, Read: readBoot}
		}
	}
	return nil
}

func whyNotMap(list []entry, memory uint64) string {
	low := min(memory, pciHole)
	total, end := uint64(0), uint64(0)
	for _, e := range list {
		if e.Addr < end {
			return "ranges overlap, or are not in ascending order"
		}
		end = e.Addr + e.Size
		if e.Type == 1 {
			total += e.Size
		}
	}
	switch {
	case usable(list, vga), usable(list, kernelAt-1):
		return "the map covers video memory and the firmware, from 0xa0000 to 0x100000: the kernel would put its data where nothing keeps them"
	case usable(list, pciHole), usable(list, highMemory-1):
		return "the map covers the hole below 4 GiB, where devices are: the kernel would use their registers as memory"
	case !usable(list, 0x1000), !usable(list, kernelAt), !usable(list, low-1):
		return "memory is missing: up to 0xa0000, and from 0x100000 to its end or 3 GiB"
	case memory > low && (!usable(list, highMemory) || !usable(list, highMemory+memory-low-1)):
		return "what does not fit below 3 GiB is missing from 4 GiB on"
	case total > memory-(kernelAt-vga):
		return "the map has more memory than there is"
	}
	return ""
}

// theZeroPage looks at what must be in there for any kernel.
func theZeroPage(s Subject) error {
	r := s.Rand()
	k := newKernel(r, 5+r.IntN(30), nil)
	l, err := k.with(r, strings.Repeat("quiet ", 3+r.IntN(8)), 3000)
	if err != nil {
		return err
	}
	defer l.close()
	failure, zero, err := l.load(s)
	if err != nil {
		return err
	}
	w := &Wrong{Expected: "the header of the image, from 0x1f1 to its end, with what a loader fills in; the memory map; else zeros", Read: readBoot}
	if failure != "" {
		w.Seen, w.Cause = fmt.Sprintf("error %q", failure), "a kernel that is right, and fits, is refused"
		return w
	}
	w.Seen, w.Cause = whyNotZeroPage(l, zero)
	if w.Cause == "" {
		return nil
	}
	return w
}

func whyNotZeroPage(l *loading, zero []byte) (seen, cause string) {
	same := func(at, n int) bool { return bytes.Equal(zero[at:][:n], l.image[at:][:n]) }
	at := int64(field(zero, atCmdLine))
	cmdline, err := l.memory.get(at, len(l.Cmdline)+1)
	switch {
	case !same(atMagic, 4) || !same(atVersion, 2) || !same(atInitSize, 4) || !same(0x236, 2):
		return fmt.Sprintf("at 0x202 of the zero page: % x", zero[atMagic:][:8]),
			"the setup header is not copied, or not all of it: from 0x1f1 of the image to 0x202 and the byte at 0x201 more; the kernel finds its own needs there"
	case !isZero(zero[l.headerEnd:atE820Table]):
		return fmt.Sprintf("behind the header, at %s: % x", hex(uint32(l.headerEnd)), zero[l.headerEnd:][:8]),
			"more than the setup header is copied: what is behind it in the image is code, and in the zero page it is other fields"
	case !isZero(zero[:atE820Entries]):
		return "something before 0x1e8 of the zero page is not zero", "what a loader does not know must be zero: the kernel believes it otherwise (screen, disks, ACPI)"
	case zero[atTypeOfLoader] == 0 || zero[atTypeOfLoader] == l.image[atTypeOfLoader]:
		return fmt.Sprintf("type_of_loader is %s", hex(zero[atTypeOfLoader])), "type_of_loader is not filled in: with 0 the kernel takes the loader for one of before 1995; 0xff is one without a number"
	case err != nil || !bytes.Equal(cmdline, append([]byte(l.Cmdline), 0)):
		return fmt.Sprintf("cmd_line_ptr is %s", hex(uint32(at))), "the command line is not where cmd_line_ptr says, or does not end with a zero byte"
	}
	var list []entry
	for i := range int(zero[atE820Entries]) {
		if b := zero[min(atE820Table+20*i, 4076):]; len(b) >= 20 {
			list = append(list, entry{binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:]), field(b, 16)})
		}
	}
	if cause := whyNotMap(list, bootRAM); cause != "" {
		return fmt.Sprintf("e820_entries is %d: %v", zero[atE820Entries], list), "in the zero page (20 bytes an entry from 0x2d0, their number at 0x1e8) " + cause
	}
	return "", ""
}

func isZero(b []byte) bool { return len(bytes.Trim(b, "\x00")) == 0 }

func theKernel(s Subject) error {
	r := s.Rand()
	for _, sects := range []int{1 + r.IntN(40), 0} {
		k := newKernel(r, sects, nil)
		l, err := k.with(r, "quiet", 0)
		if err != nil {
			return err
		}
		defer l.close()
		failure, _, err := l.load(s)
		if err != nil {
			return err
		}
		want := k.image[k.setup():]
		got, err := l.memory.get(kernelAt, len(want))
		if err != nil || failure == "" && bytes.Equal(got, want) {
			if err != nil {
				return err
			}
			continue
		}
		w := &Wrong{Seen: fmt.Sprintf("setup_sects %d, error %q; at 0x100000: % x", sects, failure, short(got)), Expected: fmt.Sprintf("% x, what is at %s of the image", short(want), hex(uint32(k.setup()))),
			Cause: "the kernel is what follows on the setup, which is setup_sects sectors and one more", Read: readBoot}
		if sects == 0 {
			w.Cause = "setup_sects of 0 means 4: the oldest kernels had no such field"
		}
		return w
	}
	return nil
}

func theInitrd(s Subject) error {
	r := s.Rand()
	for _, size := range []int{1 + r.IntN(10000), 100_000 + r.IntN(200_000)} {
		k := newKernel(r, 4, nil)
		l, err := k.with(r, "quiet", size)
		if err != nil {
			return err
		}
		defer l.close()
		failure, zero, err := l.load(s)
		if err != nil {
			return err
		}
		at, n := uint64(field(zero, atRamdisk)), field(zero, atRamdiskSize)
		got, err := l.memory.get(int64(at), min(size, bootRAM-int(min(at, bootRAM))))
		if err != nil {
			got = nil // it is nowhere
		}
		w := &Wrong{Seen: fmt.Sprintf("error %q; ramdisk_image %s, ramdisk_size %d", failure, hex(at), n), Read: readBoot,
			Expected: fmt.Sprintf("%d bytes from %s on, where init_size ends, up to initrd_addr_max, %s", size, hex(kernelAt+k.initSize), hex(k.addrMax))}
		switch {
		case failure != "":
			w.Cause = "an initrd that fits is refused"
		case n != uint32(size):
			w.Cause = "ramdisk_size is not the initrd's size"
		case at < uint64(kernelAt)+uint64(k.initSize) && at+uint64(size) > kernelAt:
			w.Cause = "the initrd overlaps the kernel: it unpacks itself from 0x100000 on, and needs init_size bytes there, many more than the image has"
		case at+uint64(size)-1 > uint64(k.addrMax):
			w.Cause = "the initrd's last byte is above initrd_addr_max, up to where the kernel looks for it"
		case !bytes.Equal(got, l.Initrd):
			w.Cause = "the initrd is not where ramdisk_image says"
		case at%4096 != 0:
			w.Cause = "the initrd does not begin at a page: the kernel gives the pages back when it has unpacked it"
		default:
			continue
		}
		return w
	}
	return nil
}

// noKernel has images, command lines and initrds that must be refused.
func noKernel(s Subject) error {
	r := s.Rand()
	for _, bad := range []struct {
		what   string
		do     func(k *kernel)
		line   int
		initrd int
	}{
		{"an image without HdrS", func(k *kernel) { copy(k.image[atMagic:], "ELF?") }, 5, 0},
		{"an image of 100 bytes", func(k *kernel) { k.image = k.image[:100] }, 5, 0},
		{"an image that ends in its setup", func(k *kernel) { k.image = k.image[:k.setup()-300] }, 5, 0},
		{"a kernel that needs more memory than there is", func(k *kernel) { binary.LittleEndian.PutUint32(k.image[atInitSize:], 0xfff00000) }, 5, 0},
		{"a command line longer than cmdline_size", func(*kernel) {}, 300, 0},
		{"an initrd for which there is no room", func(*kernel) {}, 5, 15 << 20},
	} {
		k := newKernel(r, 4, nil)
		bad.do(k)
		l, err := k.with(r, strings.Repeat("x", bad.line), bad.initrd)
		if err != nil {
			return err
		}
		failure, _, err := l.load(s)
		l.close()
		if err != nil {
			return err
		}
		if failure == "" {
			return &Wrong{Seen: bad.what + ": no error", Expected: "an error", Cause: "Load believes the header, or its arguments, without comparing them with what there is", Read: readBoot}
		}
	}
	return nil
}

// toyKernel runs one that looks at what a kernel looks at first.
func toyKernel(s Subject) error {
	r := s.Rand()
	const report = 0x9000
	code := []byte{
		0x8b, 0x86, 0x28, 0x02, 0, 0, // mov eax, [esi+0x228]: cmd_line_ptr
		0x8b, 0x00, //                   mov eax, [eax]
		0xa3, 0x00, 0x90, 0, 0, //       mov [0x9000], eax
		0x8b, 0x86, 0x18, 0x02, 0, 0, // mov eax, [esi+0x218]: ramdisk_image
		0x03, 0x86, 0x1c, 0x02, 0, 0, // add eax, [esi+0x21c]: ramdisk_size
		0x8b, 0x40, 0xfc, //             mov eax, [eax-4]
		0xa3, 0x04, 0x90, 0, 0, //       mov [0x9004], eax
		0x8b, 0x86, 0x60, 0x02, 0, 0, // mov eax, [esi+0x260]: init_size
		0xa3, 0x08, 0x90, 0, 0, //       mov [0x9008], eax
		0xf4, //                         hlt
	}
	k := newKernel(r, 1+r.IntN(20), code)
	line := make([]byte, 20)
	for i := range line {
		line[i] = byte('a' + r.IntN(26))
	}
	l, err := k.with(r, string(line), 5000)
	if err != nil {
		return err
	}
	defer l.close()
	var a ran
	if err := s.Ask(Question{Op: "run", Args: l.args(), Files: append([]*os.File{s.KVM()}, l.files...)}, &a); err != nil {
		return err
	}
	if a.Error == notWritten {
		return unwritten("Load", readBoot)
	}
	got, err := l.memory.get(report, 12)
	if err != nil {
		return err
	}
	want := append(bytes.Clone(line[:4]), l.Initrd[len(l.Initrd)-4:]...)
	want = binary.LittleEndian.AppendUint32(want, k.initSize)
	if a.Error == "" && a.Exit == exitHLT && bytes.Equal(got, want) {
		return nil
	}
	w := &Wrong{Seen: fmt.Sprintf("exit %d, error %q, RIP %s; it found % x", a.Exit, a.Error, hex(a.Regs.RIP), got), Expected: fmt.Sprintf("exit %d (HLT); it finds % x", exitHLT, want),
		Cause: "the kernel does not find its command line, the end of its initrd, or its header: mend what is said above first", Read: readBoot}
	if a.Exit != exitHLT {
		w.Cause = "there is no kernel at 0x100000: the processor executed something else"
	}
	return w
}
