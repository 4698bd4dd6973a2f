package virtiotest

import "terem/devices/virtio"

// Migrate is a snapshot and its restore: it pauses the transport, takes its state and closes it with
// its device, and restores the state into a new transport with the device d, over the same RAM.
// The driver notices nothing. What d has to know of the old device's own state, the caller gives it before.
func (g *Guest) Migrate(d virtio.Device) {
	g.t.Helper()
	g.MMIO.Pause()
	state := g.MMIO.Save()
	if err := g.MMIO.Close(); err != nil {
		g.t.Errorf("close the device: %v", err)
	}
	clear(g.Page)
	m, err := virtio.NewMMIO(d, virtio.MMIOConfig{Memory: g.Memory, IRQ: g.IRQ, Bells: g.Bells, Page: g.Page})
	if err != nil {
		g.t.Fatal(err)
	}
	g.MMIO = m
	if err := m.Restore(state); err != nil {
		g.t.Fatal(err)
	}
}
