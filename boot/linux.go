package boot

import (
	"encoding/binary"
	"math"

	"terem/memory"
)

// linuxKernel is a Linux kernel in guest RAM that waits to be entered in 64-bit mode.
type linuxKernel struct {
	thing     string
	entry     memory.Addr
	end       memory.Addr // the first byte that the kernel leaves alone until it reads the memory map
	header    setupHeader
	cmdMax    uint64      // bytes of command line that it takes
	initrdMax memory.Addr // where its initrd must end
}

// start leaves beside the kernel all that the 64-bit boot protocol asks for, and the initrd, and
// gives the way in.
func (k *linuxKernel) start(m *memory.Guest, p Platform) (Entry, error) {
	if err := writeCmdLine(m, p.CmdLine, k.cmdMax); err != nil {
		return Entry{}, err
	}
	initrd, err := p.Initrd.place(m, k.end, k.initrdMax)
	if err != nil {
		return Entry{}, err
	}
	rsdp, err := writeTables(m, &p)
	if err != nil {
		return Entry{}, err
	}
	seed, err := writeSetupData(m, p.RNGSeed)
	if err != nil {
		return Entry{}, err
	}
	h := k.header.clone()
	h.setLoader()
	h.setInitrd(initrd)
	h.setCmdLine(memory.CommandLine)
	h.setSetupData(seed)
	if err := writeZeroPage(m, h, rsdp); err != nil {
		return Entry{}, err
	}
	e := Entry{Mode: Long, IP: k.entry, Arg: memory.ZeroPage}
	if err := writePageTables(m); err != nil {
		return Entry{}, err
	}
	return e, e.writeGDT(m)
}

// writeTables writes the MP and ACPI tables that p asks for and gives the RSDP's address, zero if
// there is none.
func writeTables(m *memory.Guest, p *Platform) (rsdp memory.Addr, err error) {
	if p.cpus() > maxMPTableCPUs && !p.ACPI {
		return 0, tooManyCPUs(p.cpus())
	}
	if p.MPTable && p.cpus() <= maxMPTableCPUs {
		if err := writeMPTable(m, p.cpus()); err != nil {
			return 0, err
		}
	}
	if !p.ACPI {
		return 0, nil
	}
	return memory.RSDP, writeACPI(m, p)
}

// setupRNGSeed is the type of a setup_data block that holds random bytes
// (arch/x86/include/uapi/asm/setup_data.h, SETUP_RNG_SEED).
const setupRNGSeed = 9

// writeSetupData writes the chain of setup_data blocks and gives its first address, zero if the
// chain is empty. A block:
//
//	0   u64  address of the next block, or 0
//	8   u32  type
//	12  u32  length of the data
//	16       data
func writeSetupData(m *memory.Guest, seed []byte) (memory.Addr, error) {
	const head = 16
	if len(seed) == 0 {
		return 0, nil
	}
	b, err := m.Slice(memory.SetupData, min(head+uint64(len(seed)), memory.SetupDataSize))
	if err != nil {
		return 0, err
	}
	n := copy(b[head:], seed)
	binary.LittleEndian.PutUint64(b, 0)
	binary.LittleEndian.PutUint32(b[8:], setupRNGSeed)
	binary.LittleEndian.PutUint32(b[12:], uint32(n))
	return memory.SetupData, nil
}

// Where things lie in the zero page (struct boot_params, zero-page.rst), as far as a loader writes
// them. All else stays zero.
const (
	zpACPIRSDP    = 0x070 // u64  RSDP
	zpE820Entries = 0x1e8 // u8   length of the memory map
	zpHeader      = 0x1f1 //      setup header, as in a bzImage
	zpHeaderEnd   = 0x290
	zpE820Table   = 0x2d0 //      memory map: u64 address, u64 size, u32 type
	e820EntryLen  = 20
	e820MaxInPage = 128
)

// writeZeroPage writes struct boot_params.
func writeZeroPage(m *memory.Guest, h setupHeader, rsdp memory.Addr) error {
	b, err := m.Slice(memory.ZeroPage, memory.ZeroPageSize)
	if err != nil {
		return err
	}
	clear(b)
	le := binary.LittleEndian
	copy(b[zpHeader:zpHeaderEnd], h)
	le.PutUint64(b[zpACPIRSDP:], uint64(rsdp))
	ranges := memoryMap(m)
	b[zpE820Entries] = byte(min(len(ranges), e820MaxInPage))
	for i, r := range ranges[:b[zpE820Entries]] {
		e := b[zpE820Table+i*e820EntryLen:]
		le.PutUint64(e, uint64(r.start))
		le.PutUint64(e[8:], uint64(r.end-r.start))
		le.PutUint32(e[16:], uint32(r.kind))
	}
	return nil
}

// vmlinuxKernel describes a kernel that comes without a setup header.
func vmlinuxKernel(thing string, entry, end memory.Addr) *linuxKernel {
	return &linuxKernel{
		thing: thing, entry: entry, end: end, header: newSetupHeader(),
		cmdMax: linuxCmdLineMax, initrdMax: math.MaxInt64,
	}
}
