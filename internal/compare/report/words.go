package report

import (
	"strings"
	"unicode"

	"terem/internal/compare/result"
)

// groups are the groups of measures in their order, with their titles.
func groups() []group {
	return []group{
		{Name: result.GroupStart, Title: "Starting", Short: "start"},
		{Name: result.GroupPhases, Title: "Phases of a start", Short: "phases"},
		{Name: result.GroupWork, Title: "Working", Short: "work"},
		{Name: result.GroupDisk, Title: "Reading a disk", Short: "disk"},
		{Name: result.GroupMemory, Title: "Memory", Short: "memory"},
		{Name: result.GroupDensity, Title: "Density", Short: "density"},
	}
}

// explain says what a measure is to somebody who sees it for the first time.
func explain(measure string) string {
	return map[string]string{
		result.StartEntry: "From the moment the command is spawned to the first instruction of the program itself. " +
			"Everything before it is the price of isolation: namespaces, an image, a kernel that boots.",
		result.StartOutput: "The same, until the program's first byte arrives here. It passes the pipes, proxies and consoles " +
			"that each technology puts between a program and its reader.",
		result.StartGone: "From the spawn until the command has ended and nothing is left to wait for. Tearing down costs, too: " +
			"cgroups are removed, mounts undone, a guest powers off.",
		result.Phases: "One start, cut at the marks that a target shows. Each bar is the whole of its own run, since the totals lie " +
			"too far apart for one scale; they stand at the right.",
		result.WorkCompute: "Integer arithmetic, no system call. The same instructions run on the same processor in a container and in a VM, " +
			"so this should cost the same everywhere.",
		result.WorkSyscall: "The program asks the kernel for something trivial. A container asks the host's kernel directly; " +
			"a sandbox intercepts the call; a VM answers from its own kernel.",
		result.WorkFault: "The program touches a page of fresh memory for the first time, and the kernel has to find one. " +
			"In a VM the guest's tables and the host's tables both have to be filled.",
		result.WorkFork: "A child process is made, ends, and is waited for: many system calls and page faults in one.",
		result.DiskSeq: "Large reads of a file that is in memory already: this measures copying, and in a VM the virtual disk, not the " +
			"medium. More is better.",
		result.DiskSeqRaw:  "Large reads that pass by the page cache, so that each one reaches the medium. More is better.",
		result.DiskRand:    "Small reads all over a file that is in memory already: the price of one request through the layers.",
		result.DiskRandRaw: "Small reads that reach the medium: its own latency, and what the layers add.",
		result.Memory1: "What one idle instance holds, shared pages divided among their users (PSS). A daemon is counted once: " +
			"it is there however many instances run.",
		result.Memory5:      "What each costs when five run at a time: what can be shared, a binary or a page cache, is shared.",
		result.Memory20:     "What each costs when twenty run at a time.",
		result.DensityCount: "How many idle instances ran side by side before the host said no or the limit of this measurement was reached.",
	}[measure]
}

// article gives a kind of target as a sentence has it.
func article(k result.Kind) string {
	switch k {
	case result.Process:
		return "a process"
	case result.Container:
		return "a container"
	case result.Platform:
		return "a container platform"
	case result.Sandbox:
		return "a sandbox"
	case result.ProcessVM:
		return "a process VM"
	case result.VM:
		return "a VM"
	}
	return "a target"
}

// several gives kinds of targets as a sentence has them.
func several(k result.Kind) string {
	switch k {
	case result.Process:
		return "processes"
	case result.Container:
		return "containers"
	case result.Platform:
		return "container platforms"
	case result.Sandbox:
		return "sandboxes"
	case result.ProcessVM:
		return "process VMs"
	case result.VM:
		return "VMs"
	}
	return "targets"
}

// kinds are all kinds, from the lightest to the heaviest, with what they are.
func kinds() []kind {
	return []kind{
		{result.Process, "no isolation: the base"},
		{result.Container, "namespaces and cgroups, the host's kernel"},
		{result.Platform, "a container with images, networks and a daemon"},
		{result.Sandbox, "a kernel of its own in user space"},
		{result.ProcessVM, "a virtual machine for one language"},
		{result.VM, "a kernel of its own on virtual hardware"},
	}
}

type kind struct {
	Kind result.Kind
	What string
}

// class is a kind as a CSS class.
func class(k result.Kind) string {
	for _, known := range kinds() {
		if known.Kind == k {
			return strings.ReplaceAll(strings.ToLower(string(k)), " ", "-")
		}
	}
	return "other"
}

// clean makes a foreign text one line that a terminal can show: no control or format
// characters, no white space but single blanks, at most limit characters.
func clean(s string, limit int) string {
	if len(s) > limit*utf8Max {
		s = s[:limit*utf8Max]
	}
	s = strings.Map(func(r rune) rune {
		switch {
		case r == nbsp:
			return r
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return unicode.ReplacementChar
		}
		return r
	}, s)
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == ' ' }), " ")
	if r := []rune(s); len(r) > limit {
		return string(r[:max(limit-1, 0)]) + "…"
	}
	return s
}

const (
	utf8Max = 4        // bytes of a character
	nbsp    = '\u00a0' // no-break space
	thin    = '\u202f' // narrow no-break space, between digits
)

// How much of a foreign text is shown.
const (
	nameLimit = 60
	lineLimit = 300
	wordLimit = 2000
)

// wrap breaks a text at blanks, not at those that keep a number with its unit; it gives
// one line at least. A longer word has a line to itself.
func wrap(text string, columns int) []string {
	lines := []string{""}
	for word := range strings.SplitSeq(text, " ") {
		last := &lines[len(lines)-1]
		switch {
		case *last == "":
			*last = word
		case len([]rune(*last))+1+len([]rune(word)) <= columns:
			*last += " " + word
		default:
			lines = append(lines, word)
		}
	}
	return lines
}

// join lists things as a sentence does: "a, b and c".
func join(list []string) string {
	if len(list) < 2 {
		return strings.Join(list, "")
	}
	return strings.Join(list[:len(list)-1], ", ") + " and " + list[len(list)-1]
}
