package doctor

import (
	"fmt"

	"terem/kvm"
)

// Kind is how a guest's instructions are run.
type Kind string

// The kinds of backends.
const (
	VTx            Kind = "vt-x"
	AMDV           Kind = "amd-v"
	Software       Kind = "software"
	UnknownBackend Kind = "unknown"
	NoBackend      Kind = "none"
)

func (k Kind) title() string {
	switch k {
	case VTx:
		return "Intel VT-x"
	case AMDV:
		return "AMD-V"
	}
	return string(k)
}

// What follows from the backend, for the reader of the report.
const (
	followsHardware = "The CPU runs the guest itself, kernel and programs, at nearly the host's speed."
	followsSoftware = "Programs of a guest run at full speed, but each instruction of its kernel goes " +
		"through KVM's emulator: booting takes seconds, a system call hundreds of microseconds."
	followsDirect = "All of a guest runs on the CPU, its kernel without the CPU's help for guests: what touches " +
		"page tables or privileged state costs more than with VT-x or AMD-V."
	followsSlow = "The CPU has virtualization, but guest kernel code runs as slowly as in an emulator."
)

// softwareLimit in instructions per second tells an emulator from a CPU: the
// quickest emulator stays far below it, the slowest CPU far above.
const softwareLimit = 50e6

// examineBackend names what stands behind the device. Modules and CPU flags say
// what should be there, and a measurement what is.
func examineBackend(o Options, sys System) Backend {
	b := Backend{Check: Check{Name: "backend", State: OK}, Hardware: hardwareFeatures(o)}
	b.Kind, b.Module, b.CPUFlag = named(o)
	if sys == nil {
		b.State, b.Kind = Missing, NoBackend
		b.Detail = "none can be used until " + o.Device + " opens"
		b.Mend = "terem doctor # again, once the device opens"
		return b
	}
	if s, ok := sys.(*kvm.System); ok {
		b.measure(s)
	}
	b.judge()
	return b
}

// named goes by the modules, built-in or loaded, and by the CPU's flags.
func named(o Options) (kind Kind, module, flag string) {
	flags := cpuFlags(o, "flags")
	for _, f := range []string{"vmx", "svm"} {
		if flags[f] {
			flag = f
		}
	}
	switch {
	case o.exists("sys/module/kvm_pvm"):
		return Software, "kvm_pvm", flag
	case o.exists("sys/module/kvm_intel"):
		return VTx, "kvm_intel", flag
	case o.exists("sys/module/kvm_amd"):
		return AMDV, "kvm_amd", flag
	case flag == "vmx":
		return VTx, "", flag
	case flag == "svm":
		return AMDV, "", flag
	}
	return UnknownBackend, "", flag
}

// measure runs a guest, and lets what it sees overrule the names.
func (b *Backend) measure(s *kvm.System) {
	f, err := try(s)
	if err != nil {
		b.State, b.Why = Warn, "a guest of a few instructions failed: "+err.Error()
		b.Mend = "dmesg | grep -i kvm"
		return
	}
	b.Speed = f.speed
	if f.syscall {
		b.Defects = append(b.Defects, "SYSCALL does not leave user mode")
	}
	if f.kernel {
		b.Defects = append(b.Defects, "some instructions of a kernel are left unfinished")
	}
	emulated := f.speed < softwareLimit || f.kernel || f.syscall
	if b.Kind == UnknownBackend && emulated {
		b.Kind = Software
	}
}

// judge puts the findings into words.
func (b *Backend) judge() {
	switch b.Kind {
	case Software:
		b.Detail = "software, no VT-x or AMD-V"
		follows := followsSoftware
		if b.Speed > softwareLimit {
			follows = followsDirect
		}
		b.note(Warn, follows)
	case UnknownBackend:
		b.Detail = "neither a module nor a CPU flag names it"
		b.note(Warn, "Guests may run slowly.")
	default:
		b.Detail = b.Kind.title()
		b.note(OK, followsHardware)
		if b.Speed > 0 && b.Speed < softwareLimit {
			b.State, b.Why = Warn, followsSlow
		}
	}
	if b.Module != "" {
		b.Detail += " (module " + b.Module + ")"
	}
	if b.Speed > 0 {
		b.Detail += fmt.Sprintf("; measured: %s of guest kernel code", rate(b.Speed))
	}
}

// note sets what follows, unless something worse is known.
func (b *Backend) note(s State, why string) {
	if b.Why == "" {
		b.State, b.Why = s, why
	}
}

// rate writes instructions per second for people.
func rate(perSecond float64) string {
	if perSecond >= 100e6 {
		return "over 100 million instructions/s"
	}
	return fmt.Sprintf("%.1f million instructions/s", perSecond/1e6)
}
