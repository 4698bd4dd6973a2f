package boot

import "terem/memory"

// memType says what a range of the guest's physical address space is (ACPI 6.5 table 15.7). PVH
// uses the same numbers.
type memType uint32

const (
	memRAM      memType = 1
	memReserved memType = 2
	memACPI     memType = 3 // tables: RAM once they have been read
	memNVS      memType = 4 // stays the firmware's
)

// memRange is an entry of the memory map.
type memRange struct {
	start, end memory.Addr
	kind       memType
}

// memoryMap is the guest's memory map, in ascending order. RAM below 1 MiB is left to the kernel up
// to the EBDA; the kernel keeps what was put there by looking at the pointers that it is given.
func memoryMap(m *memory.Guest) []memRange {
	out := []memRange{
		{0, memory.LowRAMEnd, memRAM},
		{memory.EBDA, memory.EBDA + memory.EBDASize, memReserved},
		{memory.RSDP, memory.FACS, memACPI},
		{memory.FACS, memory.ACPIEnd, memNVS},
		{memory.MPTable, memory.BIOSEnd, memReserved},
		{memory.KernelBase, m.LowEnd(), memRAM},
		{memory.KVMIdentityMap, memory.KVMTSS + memory.KVMTSSSize, memReserved},
	}
	for _, r := range m.Regions()[1:] {
		out = append(out, memRange{r.Addr, r.End(), memRAM})
	}
	return out
}

// minMemory is the least guest RAM with which a loader begins: the legacy areas and one page.
const minMemory = uint64(memory.KernelBase) + memory.PageSize

// checkMemory makes sure that the guest has the RAM in which tables are written.
func checkMemory(m *memory.Guest, thing string) error {
	if uint64(m.LowEnd()) < minMemory {
		return noRoom(m, thing, 0, "a guest needs at least %s", sizeString(minMemory))
	}
	return nil
}
