package exercise

import (
	"encoding/binary"
	"math/rand/v2"
	"os"
)

// Offsets in a bzImage and in the zero page (Documentation/arch/x86/boot.rst).
const (
	atE820Entries   = 0x1e8
	atSetupSects    = 0x1f1
	atJump          = 0x200
	atMagic         = 0x202
	atVersion       = 0x206
	atTypeOfLoader  = 0x210
	atLoadFlags     = 0x211
	atRamdisk       = 0x218
	atRamdiskSize   = 0x21c
	atHeapEnd       = 0x224
	atCmdLine       = 0x228
	atInitrdAddrMax = 0x22c
	atCmdlineSize   = 0x238
	atInitSize      = 0x260
	atE820Table     = 0x2d0

	zeroPage   = 0x7000
	kernelAt   = 0x100000
	vga        = 0xa0000
	pciHole    = 3 << 30
	highMemory = 4 << 30

	bootRAM = 16 << 20
)

// kernel is an image that is made up: a header and code, of no system.
type kernel struct {
	image     []byte
	sects     int // of the setup, as the header says: 0 means 4
	headerEnd int
	initSize  uint32
	addrMax   uint32
	cmdline   uint32 // most bytes
}

// setup is how long the part of an image is that is not loaded.
func (k *kernel) setup() int {
	sects := k.sects
	if sects == 0 {
		sects = 4
	}
	return 512 * (sects + 1)
}

// newKernel draws an image around code.
func newKernel(r *rand.Rand, sects int, code []byte) *kernel {
	k := &kernel{sects: sects, headerEnd: atMagic + 0x62 + r.IntN(10), initSize: uint32(1<<20 + r.IntN(6<<20)), addrMax: uint32(11<<20+4096*r.IntN(1000)) - 1,
		cmdline: uint32(100 + r.IntN(100))}
	k.image = append(noise(r, k.setup()), code...)
	k.image = append(k.image, noise(r, 4096+r.IntN(8192))...)
	h, le := k.image, binary.LittleEndian
	h[atSetupSects], h[atJump], h[atJump+1] = byte(sects), 0xeb, byte(k.headerEnd-atMagic)
	copy(h[atMagic:], "HdrS")
	le.PutUint16(h[atVersion:], 0x20f)
	h[atLoadFlags] = 1
	le.PutUint32(h[atRamdisk:], 0)
	le.PutUint32(h[atRamdiskSize:], 0)
	le.PutUint32(h[atInitrdAddrMax:], k.addrMax)
	le.PutUint32(h[atCmdlineSize:], k.cmdline)
	le.PutUint32(h[atInitSize:], k.initSize)
	return k
}

// loading is a kernel, its command line and its initrd, and the memory that they come into.
type loading struct {
	*kernel
	Cmdline string
	Initrd  []byte
	memory  ram
	files   []*os.File
}

func (k *kernel) with(r *rand.Rand, cmdline string, initrd int) (*loading, error) {
	return k.into(bootRAM, cmdline, noise(r, initrd))
}

// into has it come into so many bytes of memory.
func (k *kernel) into(memory int64, cmdline string, initrd []byte) (*loading, error) {
	l := &loading{kernel: k, Cmdline: cmdline, Initrd: initrd}
	for _, b := range [][]byte{nil, k.image, append(l.Initrd, 0)} { // an empty file cannot be mapped
		size := int64(len(b))
		if b == nil {
			size = memory
		}
		f, err := newRAM(size)
		if err != nil {
			l.close()
			return nil, err
		}
		l.files = append(l.files, f.File)
		if err := f.put(0, b); err != nil {
			l.close()
			return nil, err
		}
	}
	l.memory = ram{l.files[0]}
	return l, nil
}

func (l *loading) close() {
	for _, f := range l.files {
		f.Close()
	}
}

// args are what a harness gets beside the files.
func (l *loading) args() map[string]any {
	return map[string]any{"cmdline": l.Cmdline, "initrd": len(l.Initrd), "image": len(l.image)}
}

// load has it loaded, and gives the zero page.
func (l *loading) load(s Subject) (failure string, zero []byte, err error) {
	if err := s.Ask(Question{Op: "load", Args: l.args(), Files: l.files}, &failure); err != nil {
		return "", nil, err
	}
	if failure == notWritten {
		return "", nil, unwritten("Load", readBoot)
	}
	zero, err = l.memory.get(zeroPage, 4096)
	return failure, zero, err
}

// field reads a number of the zero page.
func field(zero []byte, at int) uint32 { return binary.LittleEndian.Uint32(zero[at:]) }
