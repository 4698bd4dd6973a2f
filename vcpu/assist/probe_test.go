package assist

import (
	"bytes"
	"reflect"
	"testing"
	"time"

	"terem/internal/kvmtest"
	"terem/kvm"
	"terem/memory"
)

// machine is a VM of one vCPU and 2 MiB of RAM.
func machine(t testing.TB) (*kvm.VCPU, *memory.Guest) {
	t.Helper()
	sys := kvmtest.Open(t)
	vm, err := sys.CreateVM()
	check(t, err)
	t.Cleanup(func() { check(t, vm.Close()) })
	m, err := memory.New(2 << 20)
	check(t, err)
	t.Cleanup(func() { check(t, m.Close()) })
	check(t, vm.Map(0, 0, m.Regions()[0].Host, 0))
	check(t, vm.SetTSSAddr(uint32(memory.KVMTSS)))
	check(t, vm.SetIdentityMapAddr(uint64(memory.KVMIdentityMap)))
	check(t, vm.CreateIRQChip())
	check(t, vm.ExitOnMSRWrite(kvm.MSRLSTAR))
	c, err := vm.CreateVCPU(0)
	check(t, err)
	t.Cleanup(func() { check(t, c.Close()) })
	leaves, err := sys.SupportedCPUID()
	check(t, err)
	check(t, c.SetCPUID(leaves))
	return c, m
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestProbes(t *testing.T) {
	for name, probe := range map[string]func(*kvm.VCPU, *memory.Guest) (bool, error){
		"syscall": ProbeSyscall, "kernel": ProbeKernel,
	} {
		t.Run(name, func(t *testing.T) { checkProbe(t, probe) })
	}
}

// checkProbe runs a probe twice, and looks that it leaves nothing behind.
func checkProbe(t *testing.T, probe func(*kvm.VCPU, *memory.Guest) (bool, error)) {
	c, m := machine(t)
	regs, err := c.Regs()
	check(t, err)
	sregs, err := c.Sregs()
	check(t, err)
	start := time.Now()
	undone, err := probe(c, m)
	check(t, err)
	t.Logf("undone: %v, in %v", undone, time.Since(start))
	if again, err := probe(c, m); err != nil || again != undone {
		t.Errorf("the second time: %v, %v", again, err)
	}
	ram := m.Regions()[0].Host
	if !bytes.Equal(ram, make([]byte, len(ram))) {
		t.Error("RAM is not zero afterwards")
	}
	if after, err := c.Regs(); err != nil || after != regs {
		t.Errorf("registers %+v, before %+v, %v", after, regs, err)
	}
	if after, err := c.Sregs(); err != nil || !reflect.DeepEqual(after, sregs) {
		t.Errorf("system registers %+v, before %+v, %v", after, sregs, err)
	}
}

// TestProbeCPUID: leaf 0 holds the maker's name on every backend and in both modes.
func TestProbeCPUID(t *testing.T) {
	checkProbe(t, func(c *kvm.VCPU, m *memory.Guest) (bool, error) {
		leaves, err := kvmtest.Open(t).SupportedCPUID()
		check(t, err)
		kernel, user, err := ProbeCPUID(c, m, 0, 0)
		want := leaves[0]
		for _, got := range []CPUIDResult{kernel, user} {
			if got[1] != want.Ebx || got[2] != want.Ecx || got[3] != want.Edx {
				t.Errorf("CPUID 0 gave %#x, want %+v", got, want)
			}
		}
		return false, err
	})
}
