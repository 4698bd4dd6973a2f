package boot

import (
	"bytes"
	"encoding/binary"
	"math"
	"strings"

	"terem/memory"
)

// setupHeader is the part of a bzImage that its loader reads and completes: the file's bytes from
// 0x1f1 on, which go to the same offset of the zero page (boot.rst, "The Real-Mode Kernel Header").
// Offsets here are those of the file:
//
//	0x1f1  u8   setup_sects       sectors of real-mode code after the first; 0 means 4
//	0x1f4  u32  syssize           length of the rest of the file, in 16 bytes
//	0x1fe  u16  boot_flag         0xaa55
//	0x201  u8   jump              the header ends at 0x202 + jump
//	0x202  u32  header            "HdrS"
//	0x206  u16  version           major << 8 | minor
//	0x20e  u16  kernel_version    0x200 less than the file offset of a string
//	0x210  u8   type_of_loader    written: 0xff, a loader without a number
//	0x211  u8   loadflags         bit 0: the kernel lies at 1 MiB or above
//	0x218  u32  ramdisk_image     written
//	0x21c  u32  ramdisk_size      written
//	0x228  u32  cmd_line_ptr      written
//	0x22c  u32  initrd_addr_max   the last byte at which an initrd may lie
//	0x230  u32  kernel_alignment
//	0x234  u8   relocatable_kernel
//	0x236  u16  xloadflags        bit 0: has a 64-bit entry point at 0x200
//	0x238  u32  cmdline_size
//	0x248  u32  payload_offset    from the end of the real-mode code
//	0x24c  u32  payload_length
//	0x250  u64  setup_data        written
//	0x258  u64  pref_address      where the kernel wants to lie
//	0x260  u32  init_size         memory that it needs there
type setupHeader []byte

const (
	hdrStart          = 0x1f1
	hdrSetupSects     = 0x1f1
	hdrSysSize        = 0x1f4
	hdrBootFlag       = 0x1fe
	hdrJump           = 0x201
	hdrMagic          = 0x202
	hdrVersion        = 0x206
	hdrKernelVersion  = 0x20e
	hdrTypeOfLoader   = 0x210
	hdrLoadFlags      = 0x211
	hdrRamdiskImage   = 0x218
	hdrRamdiskSize    = 0x21c
	hdrCmdLinePtr     = 0x228
	hdrInitrdAddrMax  = 0x22c
	hdrAlignment      = 0x230
	hdrXLoadFlags     = 0x236
	hdrCmdLineSize    = 0x238
	hdrPayloadOffset  = 0x248
	hdrPayloadLength  = 0x24c
	hdrSetupData      = 0x250
	hdrPrefAddress    = 0x258
	hdrInitSize       = 0x260
	hdrLen            = 0x264 - hdrStart // up to and with init_size: protocol 2.12
	bootFlag          = 0xaa55
	hdrMagicText      = "HdrS"
	loaderUnnumbered  = 0xff
	loadedHigh        = 1 << 0
	xlfKernel64       = 1 << 0
	minProtocol       = 0x20c
	protocolSetupData = 0x20f
	defaultAlignment  = 2 << 20
)

// newSetupHeader is the header of a kernel that has none: what a loader fills in, and the constants
// that mark it as one.
func newSetupHeader() setupHeader {
	h := make(setupHeader, hdrLen)
	binary.LittleEndian.PutUint16(h.at(hdrBootFlag), bootFlag)
	copy(h.at(hdrMagic), hdrMagicText)
	binary.LittleEndian.PutUint16(h.at(hdrVersion), protocolSetupData)
	h.at(hdrLoadFlags)[0] = loadedHigh
	binary.LittleEndian.PutUint32(h.at(hdrAlignment), defaultAlignment)
	binary.LittleEndian.PutUint32(h.at(hdrInitrdAddrMax), math.MaxInt32)
	binary.LittleEndian.PutUint32(h.at(hdrCmdLineSize), linuxCmdLineMax)
	return h
}

// at is the header from file offset off on.
func (h setupHeader) at(off int) []byte { return h[off-hdrStart:] }

func (h setupHeader) u16(off int) uint16 { return binary.LittleEndian.Uint16(h.at(off)) }
func (h setupHeader) u32(off int) uint32 { return binary.LittleEndian.Uint32(h.at(off)) }
func (h setupHeader) u64(off int) uint64 { return binary.LittleEndian.Uint64(h.at(off)) }

func (h setupHeader) clone() setupHeader { return bytes.Clone(h) }

// setupSize is the length of the real-mode part, with which the file begins.
func (h setupHeader) setupSize() int64 {
	const sector, defaultSects = 512, 4
	sects := int64(h.at(hdrSetupSects)[0])
	if sects == 0 {
		sects = defaultSects
	}
	return (sects + 1) * sector
}

func (h setupHeader) setLoader() { h.at(hdrTypeOfLoader)[0] = loaderUnnumbered }

func (h setupHeader) setInitrd(s span) {
	binary.LittleEndian.PutUint32(h.at(hdrRamdiskImage), uint32(s.start))
	binary.LittleEndian.PutUint32(h.at(hdrRamdiskSize), uint32(s.size()))
}

func (h setupHeader) setCmdLine(a memory.Addr) {
	binary.LittleEndian.PutUint32(h.at(hdrCmdLinePtr), uint32(a))
}

func (h setupHeader) setSetupData(a memory.Addr) {
	binary.LittleEndian.PutUint64(h.at(hdrSetupData), uint64(a))
}

// isBzImage reports whether a file that begins with head claims to be a bzImage.
func isBzImage(head []byte) bool {
	return len(head) >= hdrMagic+len(hdrMagicText) &&
		binary.LittleEndian.Uint16(head[hdrBootFlag:]) == bootFlag &&
		string(head[hdrMagic:hdrMagic+len(hdrMagicText)]) == hdrMagicText
}

// parseSetupHeader checks that head, the beginning of a bzImage, has a header that this loader
// understands and a kernel that it can enter, and gives a copy of the header.
func parseSetupHeader(thing string, head []byte) (setupHeader, error) {
	if len(head) < hdrVersion+2 {
		return nil, truncated(thing, nil, "the file ends inside the setup header")
	}
	if v := binary.LittleEndian.Uint16(head[hdrVersion:]); v < minProtocol {
		return nil, notKernel(thing, "speaks boot protocol %d.%02d, and 64-bit entry needs %d.%02d (Linux 3.8)",
			v>>8, v&0xff, minProtocol>>8, minProtocol&0xff)
	}
	end := hdrMagic + int(head[hdrJump])
	if end < hdrStart+hdrLen || end > zpHeaderEnd {
		return nil, truncated(thing, nil, "the setup header claims to end at %#x", end)
	}
	if len(head) < end {
		return nil, truncated(thing, nil, "the file ends inside the setup header")
	}
	h := setupHeader(bytes.Clone(head[hdrStart:end]))
	if h.u16(hdrXLoadFlags)&xlfKernel64 == 0 {
		return nil, notKernel(thing, "is a 32-bit kernel: it has no 64-bit entry point (XLF_KERNEL_64)")
	}
	return h, nil
}

// cString is b up to its first NUL, with anything unprintable left out.
func cString(b []byte) string {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, string(b))
}
