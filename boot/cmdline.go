package boot

import (
	"fmt"
	"strings"

	"terem/internal/fault"
	"terem/memory"
)

// linuxCmdLineMax is the longest command line that an x86 kernel takes whose header does not say:
// COMMAND_LINE_SIZE in arch/x86/include/asm/setup.h, less the final NUL.
const linuxCmdLineMax = 2047

// writeCmdLine puts the command line, of at most limit bytes, into guest RAM with a final NUL.
func writeCmdLine(m *memory.Guest, line string, limit uint64) error {
	const thing = "kernel command line"
	limit = min(limit, memory.CommandLineSize-1)
	if n := uint64(len(line)); n > limit {
		return &fault.Error{Class: fault.Usage, Thing: thing, Cause: fmt.Sprintf("%d bytes, and the kernel takes %d", n, limit),
			Mend: fmt.Sprintf("shorten %s or the guest's command by %d bytes", fault.Field("Append"), n-limit)}
	}
	if strings.IndexByte(line, 0) >= 0 {
		return &fault.Error{Class: fault.Usage, Thing: thing, Cause: "contains a NUL byte", Mend: "remove it from " + fault.Field("Append")}
	}
	return m.Write(memory.CommandLine, append([]byte(line), 0))
}
