package kvm

// State of a VM: what a snapshot saves and restores besides RAM and vCPUs.

// The interrupt chips of KVM_GET_IRQCHIP.
const (
	ChipPICMaster = 0
	ChipPICSlave  = 1
	ChipIOAPIC    = 2
)

// IRQChip reads one interrupt chip.
func (v *VM) IRQChip(id uint32) (IRQChip, error) {
	c := IRQChip{ChipID: id}
	err := getIRQChip(v.fd, &c)
	return c, err
}

// SetIRQChip writes the interrupt chip c.ChipID.
func (v *VM) SetIRQChip(c IRQChip) error { return setIRQChip(v.fd, &c) }

// PIT reads the 8254 timer.
func (v *VM) PIT() (PITState, error) {
	var p PITState
	err := getPIT(v.fd, &p)
	return p, err
}

// SetPIT writes it.
func (v *VM) SetPIT(p PITState) error { return setPIT(v.fd, &p) }

// Clock reads kvm-clock.
func (v *VM) Clock() (ClockData, error) {
	var c ClockData
	err := getClock(v.fd, &c)
	return c, err
}

// SetClock writes it.
func (v *VM) SetClock(c ClockData) error { return setClock(v.fd, &c) }

// XSaveSize is how many bytes of extended registers a vCPU of this VM has at most. It is 4096, but where the process has
// permission for more (AMX).
func (v *VM) XSaveSize() (int, error) {
	n, err := checkExtension(v.fd, CapXSave2) // 0: a kernel before 5.17
	return max(n, int(sizeof[XSave]())), err
}
