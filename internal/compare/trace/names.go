package trace

import (
	_ "embed"
	"fmt"
	"strings"
)

// syscalls has "NUMBER NAME" on each line, from the kernel's asm/unistd_64.h.
//
//go:embed syscalls.txt
var syscalls string

// Names maps the numbers of the x86-64 ABI to names.
func Names() map[uint64]string {
	names := map[uint64]string{}
	for line := range strings.Lines(syscalls) {
		var number uint64
		var name string
		if n, _ := fmt.Sscan(line, &number, &name); n == 2 {
			names[number] = name
		}
	}
	return names
}
