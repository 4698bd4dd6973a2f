package virtio_test

import (
	"fmt"

	"terem/devices/virtio"
	"terem/devices/virtio/virtiotest"
	"terem/memory"
)

// line stands for the interrupt controller.
type line struct{ edges int }

func (l *line) Trigger() { l.edges++ }

func ExampleNewMMIO() {
	ram, err := memory.New(1 << 20)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer ram.Close()
	dev := virtiotest.NewEcho([]byte("config"))
	t, err := virtio.NewMMIO(dev, virtio.MMIOConfig{
		Memory: ram, IRQ: &line{}, Bells: []virtio.Bell{virtiotest.NewBell()},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer t.Close()
	p := make([]byte, 4)
	t.Read(0x000, p) // MagicValue
	fmt.Printf("%s\n", p)
	t.Write(0x070, []byte{1, 0, 0, 0}) // Status: ACKNOWLEDGE
	t.Read(0x070, p)
	fmt.Println(p)
	t.Read(0x100, p)
	fmt.Printf("%s\n", p)
	// Output:
	// virt
	// [1 0 0 0]
	// conf
}

// A device that the example plays itself: it answers each request in capitals.
func ExampleQueue() {
	d := &held{info: virtio.Info{ID: virtio.Entropy, QueueSizes: []uint16{8}}}
	g := virtiotest.New(virtiotest.Plain{}, d, virtiotest.Options{})
	defer g.Close()
	g.Init(virtio.FeatureEventIdx)
	r := g.Queue(0).Submit([][]byte{[]byte("please")}, []int{8})

	q, c := d.queues[0], virtio.Chain{}
	for q.Pop(&c) {
		for i, b := range c.Read[0] {
			c.Write[0][i] = b - 'a' + 'A'
		}
		q.Push(&c, uint32(len(c.Read[0])))
	}
	q.Interrupt()

	u, _ := g.Queue(0).Used()
	fmt.Printf("%s, %d interrupt\n", r.Written()[:u.Len], g.IRQ.Count())
	// Output: PLEASE, 1 interrupt
}

func ExampleQueue_Fail() {
	d := newHeld(8)
	g := virtiotest.New(virtiotest.Plain{}, d, virtiotest.Options{})
	defer g.Close()
	g.Init(0)
	d.queues[0].Fail(fmt.Errorf("a header of %d bytes", 3))
	fmt.Println(g.Status()&virtiotest.StatusNeedsReset != 0, g.MMIO.Err())
	g.Init(0)
	fmt.Println(g.Status()&virtiotest.StatusNeedsReset != 0, g.MMIO.Err())
	// Output:
	// true a header of 3 bytes
	// false <nil>
}

func ExampleMMIO_ConfigChanged() {
	d := newHeld(8)
	d.info.ConfigSize, d.config = 4, []byte("old!")
	g := virtiotest.New(virtiotest.Plain{}, d, virtiotest.Options{})
	defer g.Close()
	g.Init(0)
	d.config = []byte("new!")
	g.MMIO.ConfigChanged()
	fmt.Printf("%s, InterruptStatus %d\n", g.Config(0, 4), g.Ack())
	// Output: new!, InterruptStatus 2
}

func ExampleMMIO_Save() {
	d := newHeld(8)
	g := virtiotest.New(virtiotest.Plain{}, d, virtiotest.Options{})
	defer g.Close()
	g.Init(0)
	g.Queue(0).Submit([][]byte{{1}}, nil)
	var c virtio.Chain
	d.queues[0].Pop(&c)

	g.MMIO.Pause()
	s := g.MMIO.Save()
	fmt.Println(s.Status, s.Queues[0].NextAvail, s.Queues[0].InFlight)

	if err := g.MMIO.Restore(s); err != nil { // into another transport, over a copy of RAM
		fmt.Println(err)
	}
	g.MMIO.Resume()
	fmt.Println(d.queues[0].Pop(&c)) // the request again
	// Output:
	// 15 1 [0]
	// true
}
