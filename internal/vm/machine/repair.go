package machine

import (
	"errors"
	"sync"
	"syscall"

	"terem/boot"
	"terem/kvm"
	"terem/vcpu/assist"
)

// repair arms the repair of SYSCALL on a KVM that leaves it undone. The filter by
// which the machine learns LSTAR takes KVM some milliseconds to install (it waits
// for an SRCU grace period), which a guest that never gets to long mode need not
// pay.
type repair struct {
	vm   *kvm.VM
	once sync.Once
	err  error
}

// filter makes every vCPU's writes of LSTAR exits, once, and the instructions of
// programs that KVM cannot emulate, where it has that: before Linux 5.15 it gives
// them all #UD.
func (r *repair) filter() error {
	r.once.Do(func() {
		if r.err = r.vm.ExitOnMSRWrite(kvm.MSRLSTAR); r.err != nil {
			return
		}
		if err := r.vm.ExitOnEmulationFailure(); !errors.Is(err, syscall.EINVAL) {
			r.err = err
		}
	})
	return r.err
}

// prepare is called after exits of one vCPU until it says that it is done: when the
// guest is in long mode. An LSTAR that was set before that, Arm finds by itself; a
// vCPU that is started later makes an exit at the latest when it sets its own.
func (r *repair) prepare(u *assist.Unit) func(*kvm.VCPU) (bool, error) {
	return func(c *kvm.VCPU) (bool, error) {
		const longModeActive = 1 << 10 // EFER.LMA
		s, err := c.Sregs()
		if err != nil || s.EFER&longModeActive == 0 {
			return false, err
		}
		return true, r.arm(u, c)
	}
}

func (r *repair) arm(u *assist.Unit, c *kvm.VCPU) error {
	if err := r.filter(); err != nil {
		return err
	}
	return u.Arm(c)
}

// armRepair prepares the vCPUs where KVM leaves SYSCALL undone. A guest that is
// entered in long mode could reach its user code without any exit, so there it is
// done at once.
func (m *Machine) armRepair(e boot.Entry) error {
	r := &repair{vm: m.vm}
	for i, c := range m.cpus {
		u := m.helpers[i]
		if i == 0 && e.Mode == boot.Long {
			if err := c.Do(func(c *kvm.VCPU) error { return r.arm(u, c) }); err != nil {
				return err
			}
			continue
		}
		if err := c.Prepare(r.prepare(u)); err != nil {
			return err
		}
	}
	return nil
}
