package virtio_test

import (
	"testing"

	"terem/devices/virtio"
	vt "terem/devices/virtio/virtiotest"
)

// block is a request like a disk's: a header, data, a status byte.
func block(q *vt.Queue) *vt.Request {
	return q.Build([][]byte{make([]byte, 16)}, []int{4096, 1})
}

// TestDataPathDoesNotAllocate is the budget of a request: nothing, once a chain has grown.
func TestDataPathDoesNotAllocate(t *testing.T) {
	for _, features := range allFeatures() {
		_, driver, q := up(t, 64, features)
		driver.Indirect = features&virtio.FeatureIndirectDesc != 0
		r := block(driver)
		var c virtio.Chain
		n := testing.AllocsPerRun(1000, func() {
			driver.Offer(r)
			driver.Notify()
			if err := q.Wait(); err != nil {
				t.Error(err)
			}
			q.Quiet()
			if !q.Pop(&c) {
				t.Error("nothing to pop")
			}
			q.Push(&c, 4097)
			q.Interrupt()
			driver.Used()
		})
		want(t, "allocations", n, 0)
	}
}

// BenchmarkPopPush is the device's part of a request of three descriptors, in batches of 64.
func BenchmarkPopPush(b *testing.B) {
	for _, bb := range []struct {
		name     string
		indirect bool
	}{{"direct", false}, {"indirect", true}} {
		b.Run(bb.name, func(b *testing.B) {
			_, driver, q := up(b, 256, virtio.FeatureEventIdx|virtio.FeatureIndirectDesc)
			driver.Indirect = bb.indirect
			var all []*vt.Request
			for range 64 {
				all = append(all, block(driver))
			}
			var c virtio.Chain
			b.ReportAllocs()
			b.ResetTimer()
			for n := 0; n < b.N; n += len(all) {
				b.StopTimer()
				for _, r := range all {
					driver.Offer(r)
				}
				b.StartTimer()
				for range all {
					q.Pop(&c)
					q.Push(&c, 4097)
				}
				q.Interrupt()
			}
		})
	}
}
