package virtiotest

import (
	"bytes"
	"fmt"
	"testing"

	"terem/devices/virtio"
)

// TestEcho drives the device in all the ways in which a driver may hand over a request.
func TestEcho(t *testing.T) {
	for _, features := range []uint64{0, virtio.FeatureEventIdx, virtio.FeatureIndirectDesc, virtio.FeatureEventIdx | virtio.FeatureIndirectDesc} {
		for _, page := range []bool{false, true} {
			t.Run(fmt.Sprintf("features %#x, page %v", features, page), func(t *testing.T) {
				g := New(t, NewEcho(nil), Options{Page: page, QueueSize: 8})
				g.Init(features)
				q := g.Queue(0)
				q.Indirect = features&virtio.FeatureIndirectDesc != 0
				for i := range 1000 {
					in := []byte(fmt.Sprintf("request %d", i))
					n, out := q.Do([][]byte{in[:3], in[3:]}, []int{4, 100})
					if int(n) != len(in) || !bytes.Equal(out[:n], in) {
						t.Fatalf("%d bytes: %q, want %q", n, out[:n], in)
					}
				}
			})
		}
	}
}
