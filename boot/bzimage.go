package boot

import (
	"fmt"
	"io"
	"math"
	"strings"

	"terem/boot/compression"
	"terem/internal/fault"
	"terem/memory"
)

// A bzImage is real-mode code, which nobody runs any more, and then the protected-mode part: a
// small program that unpacks the payload, and the payload itself, an ELF vmlinux in some
// compression, followed by the relocation records of a relocatable kernel.
//
//	0                setup_size               + payload_offset
//	+----------------+------------------------+------------------+-----------------+
//	| setup header,  | unpacking code,        | payload:         | data of the     |
//	| real-mode code | 64-bit entry at 0x200  | vmlinux + relocs | unpacking code  |
//	+----------------+------------------------+------------------+-----------------+
//
// BzImage loads either all but the first part, or the ELF alone.
type BzImage struct {
	thing   string
	r       io.ReaderAt
	size    int64 // of the file
	header  setupHeader
	version string
	unpack  bool
	open    Unpacker
	format  compression.Format // of the payload; Unknown if it cannot be unpacked here
}

// entry64 is where the 64-bit entry point lies in the protected-mode part (boot.rst, "64-bit boot
// protocol").
const entry64 = 0x200

// newBzImage reads the setup header, of which head has the whole, and decides what to load.
func newBzImage(r io.ReaderAt, size int64, head []byte, o Options) (*BzImage, error) {
	thing := kernelThing(o.Name)
	h, err := parseSetupHeader(thing, head)
	if err != nil {
		return nil, err
	}
	b := &BzImage{thing: thing, r: r, size: size, header: h, open: o.Unpack}
	if err := b.checkSize(); err != nil {
		return nil, err
	}
	b.version = b.readVersion()
	b.format, err = b.payloadFormat()
	if err != nil {
		return nil, err
	}
	b.unpack = o.Payload == PayloadDecompressed || o.Payload == PayloadAuto && b.format.Known()
	if b.unpack && !b.format.Known() {
		return nil, &fault.Error{Class: fault.Usage, Thing: thing, Cause: fmt.Sprintf("its payload is %s, which cannot be unpacked on the host", b.format),
			Mend: "let the guest unpack it"}
	}
	if b.unpack && b.open == nil && b.format != compression.None {
		return nil, fmt.Errorf("%s: its payload is %s: %w", thing, b.format, ErrNoUnpacker)
	}
	return b, nil
}

// checkSize makes sure that the file has all that the header promises. Between protocol versions
// syssize has been rounded up, so the last unit may be short.
func (b *BzImage) checkSize() error {
	const unit = 16
	want := b.header.setupSize() + int64(b.header.u32(hdrSysSize))*unit
	if b.size+unit <= want || b.size <= b.header.setupSize()+entry64 {
		return truncated(b.thing, nil, "the file is truncated: %d bytes of %d", b.size, want)
	}
	return nil
}

// String names the kernel and the way in which it is loaded.
func (b *BzImage) String() string {
	how := "unpacked by the guest"
	if b.unpack {
		how = "unpacked by the host"
	}
	return fmt.Sprintf("bzImage %s, payload %s, %s", b.version, b.format, how)
}

// readVersion is the kernel's version as the file states it, such as "6.12.48", or "of unknown
// version".
func (b *BzImage) readVersion() string {
	const unknown, offset, most = "of unknown version", 0x200, 64
	at := int64(b.header.u16(hdrKernelVersion))
	if at == 0 {
		return unknown
	}
	text := make([]byte, most)
	n, _ := b.r.ReadAt(text, at+offset) // a file that ends here is an unknown version
	word, _, _ := strings.Cut(cString(text[:n]), " ")
	if word == "" {
		return unknown
	}
	return word
}

// payload is the range of the file that holds the compressed kernel, empty if there is none.
func (b *BzImage) payload() (off, n int64) {
	n = int64(b.header.u32(hdrPayloadLength))
	if n == 0 {
		return 0, 0
	}
	return b.header.setupSize() + int64(b.header.u32(hdrPayloadOffset)), n
}

// payloadFormat looks at the payload's first bytes.
func (b *BzImage) payloadFormat() (compression.Format, error) {
	off, n := b.payload()
	if n == 0 {
		return compression.Unknown, nil
	}
	if off > b.size || n > b.size-off {
		return compression.Unknown, truncated(b.thing, nil, "its payload, %d bytes at %#x, lies outside the file", n, off)
	}
	magic := make([]byte, min(n, int64(compression.MagicLen)))
	if err := readFull(b.r, magic, off); err != nil {
		return compression.Unknown, truncated(b.thing, err, "cannot read its payload")
	}
	return compression.Detect(magic), nil
}

// Load implements Loader.
func (b *BzImage) Load(m *memory.Guest, p Platform) (Entry, error) {
	if err := checkMemory(m, b.thing); err != nil {
		return Entry{}, err
	}
	load := b.loadWhole
	if b.unpack {
		load = b.loadPayload
	}
	k, err := load(m)
	if err != nil {
		return Entry{}, err
	}
	k.cmdMax = uint64(b.header.u32(hdrCmdLineSize))
	k.initrdMax = memory.Addr(b.header.u32(hdrInitrdAddrMax)) + 1
	return k.start(m, p)
}

// loadWhole reads the protected-mode part to the address that the kernel prefers: there it will
// unpack to in any case, so no other address would need less memory.
func (b *BzImage) loadWhole(m *memory.Guest) (*linuxKernel, error) {
	at := memory.Addr(b.header.u64(hdrPrefAddress))
	size := uint64(b.size - b.header.setupSize())
	need := max(size, uint64(b.header.u32(hdrInitSize)))
	if at < memory.KernelBase || at > math.MaxUint32 {
		return nil, notKernel(b.thing, "wants to lie at %v", at)
	}
	if !m.Contains(at, need) {
		return nil, noRoom(m, b.thing, uint64(at)+need, "it needs %s from %v on", sizeString(need), at)
	}
	if err := m.Fill(at, b.r, b.header.setupSize(), size); err != nil {
		return nil, truncated(b.thing, err, "cannot be read")
	}
	return &linuxKernel{thing: b.thing, entry: at + entry64, end: at + memory.Addr(need), header: b.header}, nil
}

// unpacked reads what is in the payload.
func (b *BzImage) unpacked(r io.Reader) (io.ReadCloser, error) {
	if b.format == compression.None && b.open == nil {
		return io.NopCloser(r), nil
	}
	return b.open(b.format, r)
}

// loadPayload unpacks the ELF inside straight into guest RAM.
func (b *BzImage) loadPayload(m *memory.Guest) (*linuxKernel, error) {
	thing := b.thing + ", its " + b.format.String() + " payload"
	off, n := b.payload()
	s, err := b.unpacked(io.NewSectionReader(b.r, off, n))
	if err != nil {
		return nil, truncated(thing, err, "cannot be unpacked")
	}
	defer s.Close()
	f := &forward{r: s}
	e, err := parseELF(thing, f, compression.MaxUnpacked)
	if err != nil {
		return nil, err
	}
	if e.narrow {
		return nil, notKernel(thing, "is an ELF file of 32 bits")
	}
	if err := e.enterAsStated(); err != nil {
		return nil, err
	}
	end, err := e.load(m, f, nil)
	if err != nil {
		return nil, err
	}
	if err := f.drain(); err != nil {
		return nil, truncated(thing, err, "cannot be unpacked to its end")
	}
	return &linuxKernel{thing: b.thing, entry: e.entry, end: end, header: b.header}, nil
}
