package result

// Groups of measures: what a table or a plot shows together.
const (
	GroupStart   = "start"
	GroupPhases  = "phases"
	GroupWork    = "work"
	GroupDisk    = "disk"
	GroupMemory  = "memory"
	GroupDensity = "density"
)

// Measure describes what the samples of a series are.
type Measure struct {
	Name  string
	Group string
	Title string
	Unit  Unit
	More  bool // more is better
	Stack bool // parts of a whole: its series have a Part each
}

// Names of measures.
const (
	StartEntry   = "start.entry"
	StartOutput  = "start.output"
	StartGone    = "start.gone"
	Phases       = "phases"
	WorkCompute  = "work.compute"
	WorkSyscall  = "work.syscall"
	WorkFault    = "work.fault"
	WorkFork     = "work.fork"
	DiskSeq      = "disk.sequential.cached"
	DiskSeqRaw   = "disk.sequential.direct"
	DiskRand     = "disk.random.cached"
	DiskRandRaw  = "disk.random.direct"
	Memory1      = "memory.1"
	Memory5      = "memory.5"
	Memory20     = "memory.20"
	DensityCount = "density"
)

// Parts of memory.
const (
	PartRAM     = "guest RAM"
	PartProgram = "program"
	PartVMM     = "VMM"
	PartHelpers = "helpers"
	PartDaemons = "daemons"
	PartKernel  = "kernel"
)

// Measures lists them all, in the order in which they are shown.
func Measures() []Measure {
	return []Measure{
		{StartEntry, GroupStart, "To the program's first instruction", Nanoseconds, false, false},
		{StartOutput, GroupStart, "To its first byte of output", Nanoseconds, false, false},
		{StartGone, GroupStart, "To the whole thing gone", Nanoseconds, false, false},
		{Phases, GroupPhases, "Where the time goes", Nanoseconds, false, true},
		{WorkCompute, GroupWork, "A round of a compute loop", NsPerOp, false, false},
		{WorkSyscall, GroupWork, "A system call", NsPerOp, false, false},
		{WorkFault, GroupWork, "A page fault", NsPerOp, false, false},
		{WorkFork, GroupWork, "A fork, exit and wait", NsPerOp, false, false},
		{DiskSeq, GroupDisk, "128 KiB sequential reads, from the page cache", BytesPerSec, true, false},
		{DiskSeqRaw, GroupDisk, "128 KiB sequential reads, O_DIRECT", BytesPerSec, true, false},
		{DiskRand, GroupDisk, "4 KiB random reads, from the page cache", NsPerOp, false, false},
		{DiskRandRaw, GroupDisk, "4 KiB random reads, O_DIRECT", NsPerOp, false, false},
		{Memory1, GroupMemory, "Memory of one idle instance", Bytes, false, true},
		{Memory5, GroupMemory, "Memory that one more costs, up to 5", Bytes, false, true},
		{Memory20, GroupMemory, "Memory that one more costs, up to 20", Bytes, false, true},
		{DensityCount, GroupDensity, "How many at a time", Count, true, false},
	}
}

// Of gives a measure by name; false if there is none.
func Of(name string) (Measure, bool) {
	for _, m := range Measures() {
		if m.Name == name {
			return m, true
		}
	}
	return Measure{}, false
}
