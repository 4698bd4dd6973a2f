package machine

import (
	"slices"

	"terem/internal/fault"
	"terem/kvm"
	"terem/vcpu/assist"
)

// cpuidOf gives what a leaf holds in the guest's kernel mode and in its user mode.
type cpuidOf func(leaf, index uint32) (kernel, user assist.CPUIDResult, err error)

// check compares the model with what the guest sees. A KVM without hardware help may
// show its programs the processor itself, whatever it was told: features that were to
// go and did not are disregarded. One that was insisted on and is not to be seen is an
// error. Of several changes of one feature the last counts.
func (m CPUModel) check(seen cpuidOf) (disregarded []string, err error) {
	last := map[string]change{}
	for _, c := range m.changes {
		last[c.name] = c
	}
	for _, c := range m.changes {
		if last[c.name] != c || slices.Contains(disregarded, c.name) {
			continue
		}
		there, err := seen.has(c.bit)
		if err != nil {
			return nil, err
		}
		switch {
		case there && !c.on:
			disregarded = append(disregarded, c.name)
		case !there && c.on:
			return nil, &fault.Error{Class: fault.Usage, Thing: fault.Field("CPU") + " " + m.text, Cause: "this host's KVM does not offer " + c.name, Mend: "leave it out"}
		}
	}
	return disregarded, nil
}

// has says whether the guest's kernel or its programs see a bit. Beyond the last leaf of
// its range (whose number the first one tells in EAX) there is none, whatever CPUID
// answers: on Intel's processors it is the last basic leaf (Intel SDM vol. 2A, CPUID).
func (seen cpuidOf) has(bit cpuidBit) (bool, error) {
	const ranges = 0xf0000000
	kernelLast, userLast, err := seen(bit.leaf&ranges, 0)
	if err != nil {
		return false, err
	}
	kernel, user, err := seen(bit.leaf, bit.index)
	is := func(last, r assist.CPUIDResult) bool { return last[eax] >= bit.leaf && r[bit.reg]>>bit.bit&1 != 0 }
	return is(kernelLast, kernel) || is(userLast, user), err
}

// checkCPU looks through the eyes of a vCPU at what came of the CPU model.
func (m *Machine) checkCPU(c *kvm.VCPU) (err error) {
	m.disregarded, err = m.conf.CPU.check(func(leaf, index uint32) (kernel, user assist.CPUIDResult, err error) {
		return assist.ProbeCPUID(c, m.ram, leaf, index)
	})
	return err
}

// Disregarded names the features that Config.CPU takes away and that this host's KVM
// shows to the guest all the same.
func (m *Machine) Disregarded() []string { return m.disregarded }
