package machine

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"terem/internal/fault"
	"terem/kvm"
	"terem/memory"
)

// NoKVM is the error of a /dev/kvm that does not open.
type NoKVM struct{ Err error }

func (e *NoKVM) Error() string { return e.Err.Error() }
func (e *NoKVM) Unwrap() error { return e.Err }

// openKVM opens /dev/kvm and checks that it can do what a machine needs.
func openKVM() (*kvm.System, error) {
	sys, err := kvm.Open()
	if err != nil {
		return nil, &fault.Error{Class: fault.Host, Thing: kvm.Device, Err: &NoKVM{err}, Mend: "see `terem doctor`"}
	}
	if err := checkNeeds(sys.Check); err != nil {
		sys.Close()
		return nil, err
	}
	return sys, nil
}

// checkNeeds refuses a KVM without a capability that a machine cannot do without.
func checkNeeds(value func(kvm.Capability) (int, error)) error {
	for _, n := range kvm.Needs() {
		if !n.Required {
			continue
		}
		if v, err := value(n.Cap); err != nil || v == 0 {
			return &fault.Error{Class: fault.Host, Thing: "KVM_CAP_" + n.Name, Err: err,
				Cause: "this host's KVM lacks it, and terem needs it for " + n.For, Mend: "use a newer kernel"}
		}
	}
	return nil
}

// checkHost compares what the config asks for with what the host has.
func checkHost(sys *kvm.System, c *Config) error {
	advised, most, err := sys.RecommendedVCPUs()
	if err != nil {
		return &fault.Error{Class: fault.Host, Thing: kvm.Device, Err: err}
	}
	most = min(most, maxCPUs)
	if c.CPUs > most {
		return &fault.Error{Class: fault.Host, Thing: fmt.Sprintf("%s %d", fault.Field("CPUs"), c.CPUs),
			Cause: fmt.Sprintf("at most %d here (KVM advises %d)", most, advised), Mend: "ask for fewer"}
	}
	return checkMemory(c)
}

// checkMemory compares the memory that is asked for with the host's.
func checkMemory(c *Config) error {
	total, err := hostMemory()
	if err == nil && c.Memory > total {
		return &fault.Error{Class: fault.Host, Thing: fault.Field("Memory") + " " + Bytes(c.Memory),
			Cause: "this host has " + Bytes(total), Mend: "ask for less"}
	}
	return nil
}

// hopeless is what would be wrong if there were a KVM: whoever has none finds his other mistakes first, as if there
// were one.
func hopeless(c *Config) error {
	if err := checkMemory(c); err != nil {
		return err
	}
	ram, err := memory.New(c.Memory)
	if err != nil {
		return nil // no mistake of the user's
	}
	defer ram.Close()
	_, err = load(ram, c, nil)
	return err
}

// maxCPUs is bounded by the 8-bit APIC IDs of the MP table and MADT; 255 is the
// broadcast.
const maxCPUs = 254

// hostMemory is the host's RAM in bytes, from /proc/meminfo.
func hostMemory() (uint64, error) {
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return 0, err
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if rest, ok := strings.CutPrefix(s.Text(), "MemTotal:"); ok {
			kib, err := strconv.ParseUint(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return kib << 10, err
		}
	}
	return 0, errors.New("/proc/meminfo has no MemTotal")
}

// createVM makes a VM with RAM and interrupt chips. The memory slots come first:
// a change of slots after KVM_CREATE_IRQCHIP waits for an SRCU grace period.
func createVM(sys *kvm.System, ram *memory.Guest, v *virtioBus) (_ *kvm.VM, err error) {
	vm, err := sys.CreateVM()
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			vm.Close()
		}
	}()
	for i, r := range ram.Regions() {
		if err := vm.Map(uint32(i), uint64(r.Addr), r.Host, 0); err != nil {
			return nil, err
		}
	}
	if err := v.mapInto(vm, uint32(len(ram.Regions()))); err != nil {
		return nil, err
	}
	if err := vm.SetIdentityMapAddr(uint64(memory.KVMIdentityMap)); err != nil {
		return nil, err
	}
	if err := vm.SetTSSAddr(uint32(memory.KVMTSS)); err != nil {
		return nil, err
	}
	if err := vm.CreateIRQChip(); err != nil {
		return nil, err
	}
	return vm, nil
}
