package doctor

import (
	"bufio"
	"strconv"
	"strings"
)

// examineHost reads proc_cpuinfo(5), proc_meminfo(5) and os-release(5).
func examineHost(o Options) Host {
	cpu := o.read("proc/cpuinfo")
	mem := o.read("proc/meminfo")
	h := Host{
		CPU:       field(cpu, "model name"),
		Vendor:    field(cpu, "vendor_id"),
		Threads:   max(1, strings.Count("\n"+cpu, "\nprocessor")),
		Memory:    kibibytes(field(mem, "MemTotal")),
		Available: kibibytes(field(mem, "MemAvailable")),
		Kernel:    o.read("proc/sys/kernel/osrelease"),
		OS:        osName(o.read("etc/os-release")),
	}
	h.Cores = cores(cpu, h.Threads)
	return h
}

// cores counts the distinct pairs of package and core.
func cores(cpuinfo string, threads int) int {
	seen := map[string]bool{}
	pkg := ""
	for s := bufio.NewScanner(strings.NewReader(cpuinfo)); s.Scan(); {
		switch k, v := pair(s.Text(), ":"); k {
		case "physical id":
			pkg = v
		case "core id":
			seen[pkg+"/"+v] = true
		}
	}
	if len(seen) == 0 {
		return threads
	}
	return len(seen)
}

// field gives the first value of a key in lines of "key : value".
func field(text, key string) string {
	for line := range strings.Lines(text) {
		if k, v := pair(line, ":"); k == key {
			return v
		}
	}
	return ""
}

// pair splits a line at the first separator.
func pair(line, separator string) (key, value string) {
	key, value, _ = strings.Cut(line, separator)
	return strings.TrimSpace(key), strings.TrimSpace(value)
}

// kibibytes reads "16384 kB" as bytes; 0 if it is no such thing.
func kibibytes(s string) uint64 {
	n, err := strconv.ParseUint(strings.TrimSuffix(s, " kB"), 10, 53)
	if err != nil {
		return 0
	}
	return n << 10
}

func osName(release string) string {
	for line := range strings.Lines(release) {
		if k, v := pair(line, "="); k == "PRETTY_NAME" {
			return strings.Trim(v, `"'`)
		}
	}
	return ""
}

// cpuFlags are the flags of the first CPU.
func cpuFlags(o Options, key string) map[string]bool {
	flags := map[string]bool{}
	for _, f := range strings.Fields(field(o.read("proc/cpuinfo"), key)) {
		flags[f] = true
	}
	return flags
}
