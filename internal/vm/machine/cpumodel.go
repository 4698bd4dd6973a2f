package machine

import (
	"maps"
	"slices"
	"strings"

	"terem/internal/fault"
)

// ParseCPU reads a CPU model: "host", followed by features to take away or to
// insist on: "host,-avx512f,+aes". Names are those of /proc/cpuinfo.
func ParseCPU(s string) (CPUModel, error) {
	m := CPUModel{text: s}
	words := strings.Split(s, ",")
	if words[0] != "host" {
		return m, &fault.Error{Class: fault.Usage, Thing: fault.Field("CPU") + " " + s, Cause: "the only base model is `host`",
			Mend: "try " + fault.Field("CPU") + " host,-avx512f"}
	}
	for _, w := range words[1:] {
		if len(w) < 2 || w[0] != '-' && w[0] != '+' {
			return m, &fault.Error{Class: fault.Usage, Thing: fault.Field("CPU") + " " + s, Cause: "`" + w + "` is no change",
				Mend: "write -name to take a feature away, +name to insist on it"}
		}
		bit, ok := features()[w[1:]]
		if !ok {
			return m, &fault.Error{Class: fault.Usage, Thing: fault.Field("CPU") + " " + s, Cause: "no feature is called `" + w[1:] + "`",
				Mend: "known ones: " + strings.Join(slices.Sorted(maps.Keys(features())), " ")}
		}
		m.changes = append(m.changes, change{w[1:], bit, w[0] == '+'})
	}
	return m, nil
}

// features are the flags that can be named, as in /proc/cpuinfo
// (arch/x86/include/asm/cpufeatures.h). It does not show kvmclock: that is QEMU's name.
// A variable would be made at each start.
func features() map[string]cpuidBit {
	return map[string]cpuidBit{
		"tsc": {1, 0, edx, 4}, "sse": {1, 0, edx, 25}, "sse2": {1, 0, edx, 26},
		"pni": {1, 0, ecx, 0}, "pclmulqdq": {1, 0, ecx, 1}, "vmx": {1, 0, ecx, 5}, "ssse3": {1, 0, ecx, 9},
		"fma": {1, 0, ecx, 12}, "cx16": {1, 0, ecx, 13}, "pcid": {1, 0, ecx, 17},
		"sse4_1": {1, 0, ecx, 19}, "sse4_2": {1, 0, ecx, 20}, "x2apic": {1, 0, ecx, 21}, "movbe": {1, 0, ecx, 22},
		"popcnt": {1, 0, ecx, 23}, "tsc_deadline_timer": tscDeadline(), "aes": {1, 0, ecx, 25},
		"xsave": {1, 0, ecx, 26}, "avx": {1, 0, ecx, 28}, "f16c": {1, 0, ecx, 29}, "rdrand": {1, 0, ecx, 30},
		"hypervisor": {1, 0, ecx, 31},

		"fsgsbase": {7, 0, ebx, 0}, "bmi1": {7, 0, ebx, 3}, "avx2": {7, 0, ebx, 5}, "smep": {7, 0, ebx, 7},
		"bmi2": {7, 0, ebx, 8}, "erms": {7, 0, ebx, 9}, "invpcid": {7, 0, ebx, 10}, "avx512f": {7, 0, ebx, 16},
		"avx512dq": {7, 0, ebx, 17}, "rdseed": {7, 0, ebx, 18}, "adx": {7, 0, ebx, 19}, "smap": {7, 0, ebx, 20},
		"clflushopt": {7, 0, ebx, 23}, "clwb": {7, 0, ebx, 24}, "avx512cd": {7, 0, ebx, 28},
		"sha_ni": {7, 0, ebx, 29}, "avx512bw": {7, 0, ebx, 30}, "avx512vl": {7, 0, ebx, 31},
		"umip": {7, 0, ecx, 2}, "pku": {7, 0, ecx, 3}, "avx512_vbmi2": {7, 0, ecx, 6}, "gfni": {7, 0, ecx, 8},
		"vaes": {7, 0, ecx, 9}, "vpclmulqdq": {7, 0, ecx, 10}, "avx512_vnni": {7, 0, ecx, 11},
		"la57": {7, 0, ecx, 16}, "rdpid": {7, 0, ecx, 22},
		"fsrm": {7, 0, edx, 4}, "amx_tile": {7, 0, edx, 24}, "avx_vnni": {7, 1, eax, 4},

		"kvmclock": kvmClock(),

		"nx": {leafAMDFeatures, 0, edx, 20}, "pdpe1gb": {leafAMDFeatures, 0, edx, 26},
		"rdtscp": {leafAMDFeatures, 0, edx, 27}, "svm": {leafAMDFeatures, 0, ecx, 2},
	}
}
