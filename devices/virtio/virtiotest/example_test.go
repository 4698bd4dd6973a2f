package virtiotest_test

import (
	"fmt"

	"terem/devices/virtio"
	"terem/devices/virtio/virtiotest"
)

func ExampleNew() {
	g := virtiotest.New(virtiotest.Plain{}, virtiotest.NewEcho(nil), virtiotest.Options{}) // a test gives its t
	defer g.Close()
	g.Init(virtio.FeatureEventIdx)
	n, data := g.Queue(0).Do([][]byte{[]byte("hello")}, []int{64})
	fmt.Printf("%s\n", data[:n])
	// Output: hello
}

// One request step by step, with its descriptors in an indirect table.
func ExampleQueue_Submit() {
	g := virtiotest.New(virtiotest.Plain{}, virtiotest.NewEcho(nil), virtiotest.Options{QueueSize: 8})
	defer g.Close()
	g.Init(virtio.FeatureIndirectDesc)
	q := g.Queue(0)
	q.Indirect = true
	r := q.Submit([][]byte{[]byte("to"), []byte("gether")}, []int{3, 5})
	q.Notify()
	u := q.WaitUsed(virtiotest.Timeout)
	fmt.Printf("%v: %d bytes, %s\n", u.Request == r, u.Len, r.Written())
	q.Free(r)
	// Output: true: 8 bytes, together
}

// A hostile driver writes what it likes: here, a descriptor whose next is itself.
func ExampleQueue_SetDesc() {
	g := virtiotest.New(virtiotest.Plain{}, virtiotest.NewEcho(nil), virtiotest.Options{})
	defer g.Close()
	g.Init(0)
	q, edges := g.Queue(0), g.IRQ.Count()
	q.SetDesc(0, virtiotest.Desc{Addr: g.Base, Len: 16, Flags: virtiotest.DescNext, Next: 0})
	q.Raw(0)
	q.Kick()
	g.IRQ.Wait(edges, virtiotest.Deadline())
	fmt.Println(g.Status()&virtiotest.StatusNeedsReset != 0, g.MMIO.Err())
	// Output: true chain at descriptor 0: more descriptors than the queue has entries: a loop, or too long a chain
}

func ExampleGuest_Migrate() {
	g := virtiotest.New(virtiotest.Plain{}, virtiotest.NewEcho(nil), virtiotest.Options{})
	defer g.Close()
	g.Init(0)
	g.Migrate(virtiotest.NewEcho(nil))
	n, data := g.Queue(0).Do([][]byte{[]byte("still here")}, []int{64})
	fmt.Printf("%s\n", data[:n])
	// Output: still here
}
