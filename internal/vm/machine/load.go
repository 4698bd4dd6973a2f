package machine

import (
	"crypto/rand"

	"terem/boot"
	"terem/kvm"
	"terem/memory"
)

// load puts the kernel and what belongs to it into RAM.
func load(ram *memory.Guest, c *Config, virtio []boot.MMIODevice) (boot.Entry, error) {
	c.Boot.Name = c.Kernel.Name
	loader, err := boot.Detect(c.Kernel.R, c.Kernel.Size, c.Boot)
	if err != nil {
		return boot.Entry{}, err
	}
	p := boot.Platform{CmdLine: c.CmdLine, CPUs: c.CPUs, MPTable: true, ACPI: c.ACPI, Devices: virtio}
	p.RNGSeed = make([]byte, 32)
	rand.Read(p.RNGSeed) // never fails (crypto/rand)
	if c.Initrd != nil {
		p.Initrd = &boot.Initrd{Name: c.Initrd.Name, R: c.Initrd.R, Size: c.Initrd.Size}
	}
	e, err := loader.Load(ram, p)
	return e, err
}

func join(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + " " + b
}

// enterAt gives the first vCPU its start state.
func enterAt(c *kvm.VCPU, e boot.Entry) error {
	regs, err := c.Regs()
	if err != nil {
		return err
	}
	sregs, err := c.Sregs()
	if err != nil {
		return err
	}
	e.Apply(&regs, &sregs)
	if err := c.SetSregs(sregs); err != nil {
		return err
	}
	return c.SetRegs(regs)
}
