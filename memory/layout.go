package memory

// The guest-physical address space. Nobody else in the house writes such a number down.
//
//	0x0000_0000   real-mode vectors and BIOS data, left zero; 0x40e names the EBDA
//	0x0000_1000   GDT for the start of the first vCPU                      4 KiB
//	0x0000_2000   PVH start info, then its modules                         4 KiB
//	0x0000_3000   PVH memory map                                           4 KiB
//	0x0000_7000   zero page: struct boot_params                            4 KiB
//	0x0000_9000   page tables for the start: PML4, PDPT, four PDs         24 KiB
//	0x0001_0000   setup_data                                              64 KiB
//	0x0002_0000   kernel command line                                     64 KiB
//	0x0009_fc00   EBDA: MP floating pointer; RAM ends here in e820         1 KiB
//	0x000a_0000   VGA window and option ROMs on a PC: nothing here
//	0x000e_0000   ACPI: RSDP first, then the tables                       60 KiB
//	0x000e_f000   ACPI: FACS, which the guest may not reclaim              4 KiB
//	0x000f_0000   MP configuration table, where a PC has its BIOS         60 KiB
//	0x000f_f000   what a restored guest is told (internal/vm/generation)   4 KiB
//	0x0010_0000   RAM: kernel low, initrd as high as it may be
//	0xc000_0000   hole for devices; RAM goes on at 4 GiB
//	0xd000_0000   virtio-mmio, one page for each device                    1 MiB
//	0xfec0_0000   IOAPIC                                                   4 KiB
//	0xfee0_0000   local APICs                                              4 KiB
//	0xfffb_c000   KVM's identity map page                                  4 KiB
//	0xfffb_d000   KVM's task state segment                                12 KiB
//	0x1_0000_0000 RAM, the rest
const (
	EBDAPointer Addr = 0x40e // 16-bit word: EBDA's address >> 4

	GDT          Addr = 0x1000
	PVHStartInfo Addr = 0x2000
	PVHModules   Addr = 0x2800
	PVHMemMap    Addr = 0x3000
	ZeroPage     Addr = 0x7000
	PageTables   Addr = 0x9000
	SetupData    Addr = 0x1_0000
	CommandLine  Addr = 0x2_0000
	BootDataEnd  Addr = 0x3_0000 // the end of what a loader writes below the EBDA

	EBDA      Addr = 0x9_fc00
	MPPointer Addr = EBDA
	LowRAMEnd Addr = EBDA // e820's first RAM entry ends here
	RSDP      Addr = 0xe_0000
	ACPI      Addr = 0xe_0040
	FACS      Addr = 0xe_f000
	ACPIEnd   Addr = 0xf_0000
	MPTable   Addr = 0xf_0000

	// Generation is zero until the machine is restored from a snapshot. The default kernel finds it by
	// its command line.
	Generation Addr = 0xf_f000
	BIOSEnd    Addr = 0x10_0000

	// KernelBase is where RAM resumes above the legacy areas, and so the lowest address at which
	// an image may lie.
	KernelBase Addr = BIOSEnd

	PCIHole Addr = 0xc000_0000
	HighRAM Addr = 0x1_0000_0000

	VirtioMMIO Addr = 0xd000_0000

	IOAPIC Addr = 0xfec0_0000
	LAPIC  Addr = 0xfee0_0000

	// Two arguments for KVM_SET_IDENTITY_MAP_ADDR and KVM_SET_TSS_ADDR, which VT-x hosts need
	// (KVM api.rst sections 4.73 and 4.24). The task state segment takes three pages.
	KVMIdentityMap Addr = 0xfffb_c000
	KVMTSS         Addr = 0xfffb_d000
)

// The virtio-mmio window: bytes from one device to the next, and how many there may be.
const (
	VirtioMMIOStride = 0x1000
	VirtioMMIOSlots  = 256
)

// Sizes of the areas above, in bytes.
const (
	KVMTSSSize      = 3 * PageSize
	GDTSize         = PageSize
	PVHModulesSize  = uint64(PVHMemMap - PVHModules)
	PVHMemMapSize   = PageSize
	ZeroPageSize    = PageSize
	PageTablesSize  = 6 * PageSize
	SetupDataSize   = uint64(CommandLine - SetupData)
	CommandLineSize = uint64(BootDataEnd - CommandLine)
	EBDASize        = 0x400
	ACPISize        = uint64(FACS - ACPI)
	FACSSize        = uint64(ACPIEnd - FACS)
	MPTableSize     = uint64(Generation - MPTable)
	GenerationSize  = uint64(BIOSEnd - Generation)
)

// I/O ports of the devices that the house puts at addresses of its own choice or that tables
// given to the guest must name.
//
//	0x040          interval timer, 4 ports
//	0x060, 0x064   i8042
//	0x061          system control port B
//	0x070, 0x071   CMOS clock
//	0x080, 0x0ed   written to by those who want to lose some time
//	0x092          system control port A
//	0x3f8          COM1, 8 ports
//	0x5f8          terem's control ports: exit status, event
//	0x600          ACPI PM1a event block, 4 ports
//	0x604          ACPI PM1a control block, 2 ports
//	0x608          ACPI PM timer, 4 ports
//	0xcf8          where a PC has its PCI host bridge, 8 ports; within it:
//	0xcf9          reset control
const (
	PITPort          = 0x40
	I8042DataPort    = 0x60
	SystemPortB      = 0x61
	I8042CommandPort = 0x64
	RTCPort          = 0x70
	RTCPorts         = 2
	PostPort         = 0x80
	SystemPortA      = 0x92
	DelayPort        = 0xed
	COM1Port         = 0x3f8
	COM1Ports        = 8
	CtlPort          = 0x5f8
	CtlPorts         = 2
	PM1EventPort     = 0x600
	PM1EventPorts    = 4
	PM1ControlPort   = 0x604
	PM1ControlPorts  = 2
	PMTimerPort      = 0x608
	PMTimerPorts     = 4
	PCIHostPort      = 0xcf8
	PCIHostPorts     = 8
	ResetPort        = PCIHostPort + 1
)

// What a guest is told to write, or to look at, there.
const (
	ResetValue  = 0x06 // to ResetPort: hard reset of the CPU
	SleepTypeS5 = 5    // to the ACPI PM1a control block, as SLP_TYP: power off
	CMOSCentury = 0x32 // the byte in CMOS RAM that has the century
)

// Global system interrupts: the pins of the one IOAPIC. Lines 0 to 15 are ISA's, one to one.
const (
	COM1GSI    = 4
	RTCGSI     = 8
	SCIGSI     = 9
	FPUGSI     = 13
	IOAPICPins = 24

	firstVirtioGSI = 5
)

// VirtioGSI is the interrupt line of virtio-mmio device i, counted from zero, and whether there is
// one left: lines 5 to 23 without those of the clock, the SCI and the FPU, so 16 devices.
func VirtioGSI(i int) (gsi uint32, ok bool) {
	for line := uint32(firstVirtioGSI); line < IOAPICPins; line++ {
		if line == RTCGSI || line == SCIGSI || line == FPUGSI {
			continue
		}
		if i == 0 {
			return line, true
		}
		i--
	}
	return 0, false
}

// VirtioMMIOAddr is where the registers of virtio-mmio device i lie.
func VirtioMMIOAddr(i int) Addr {
	return VirtioMMIO + Addr(i)*VirtioMMIOStride
}
