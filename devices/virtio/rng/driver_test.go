package rng

import (
	"bytes"
	"runtime"
	"strconv"
	"testing"

	"terem/devices/virtio"
	"terem/devices/virtio/virtiotest"
	"terem/memory"
)

// unlimited is a budget that no test exhausts.
func unlimited() Config { return Config{Rate: MaxRate, Burst: MaxBurst} }

func attach(t testing.TB, c Config, features uint64) (*Device, *virtiotest.Guest, *virtiotest.Queue) {
	t.Helper()
	d := mustNew(t, c)
	g := virtiotest.New(t, d, virtiotest.Options{})
	g.Init(features)
	return d, g, g.Queue(0)
}

func mustNew(t testing.TB, c Config) *Device {
	t.Helper()
	d, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func want[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s = %v, want %v", what, got, want)
	}
}

func TestNew(t *testing.T) {
	for _, c := range []Config{{Rate: MaxRate + 1}, {Burst: MaxBurst + 1}} {
		if _, err := New(c); err == nil {
			t.Errorf("New(%+v): no error", c)
		}
	}
	_, g, _ := attach(t, Config{}, 0)
	want(t, "DeviceID", g.Read32(virtiotest.RegDeviceID), 4)
	want(t, "features", g.Offered()&(1<<24-1), 0)
	want(t, "configuration", string(g.Config(0, 4)), "\x00\x00\x00\x00")
}

// TestFill hands buffers over in all the ways there are. What the device does not own stays.
func TestFill(t *testing.T) {
	for _, features := range []uint64{0, virtio.FeatureEventIdx, virtio.FeatureIndirectDesc, virtio.FeatureEventIdx | virtio.FeatureIndirectDesc} {
		d, g, q := attach(t, unlimited(), features)
		q.Indirect = features&virtio.FeatureIndirectDesc != 0
		var total uint64
		seen := map[string]bool{}
		for _, sizes := range [][]int{{64}, {64}, {1, 100, 4096, 15}, {1 << 16, 1 << 16}, {16, 16, 16, 16, 16, 16, 16, 16}} {
			r := q.Build(nil, sizes)
			before := bytes.Clone(g.RAM)
			q.Offer(r)
			q.Notify()
			u := q.WaitUsed(virtiotest.Timeout)
			n := 0
			for i, b := range r.Write {
				n += sizes[i]
				if len(b.Bytes) >= 15 && bytes.Count(b.Bytes, []byte{0xa5}) > len(b.Bytes)/4 {
					t.Errorf("sizes %v: buffer %d is not filled", sizes, i)
				}
				copy(before[b.Addr-g.Base:], b.Bytes)
			}
			want(t, "used length", u.Len, uint32(n))
			if seen[string(r.Written())] {
				t.Errorf("sizes %v: the same bytes twice", sizes)
			}
			seen[string(r.Written())] = true
			total += uint64(n)
			onlyRings(t, g, q, before)
			q.Free(r)
		}
		want(t, "Given", d.Given(), total)
	}
}

// onlyRings finds RAM as it was, but for the queue's rings.
func onlyRings(t *testing.T, g *virtiotest.Guest, q *virtiotest.Queue, before []byte) {
	t.Helper()
	for _, part := range []struct {
		at memory.Addr
		n  int
	}{{q.DriverAddr, 6 + 2*int(q.Size)}, {q.DeviceAddr, 6 + 8*int(q.Size)}} {
		copy(before[part.at-g.Base:], g.Bytes(part.at, part.n))
	}
	if !bytes.Equal(before, g.RAM) {
		t.Error("the device wrote where no buffer is")
	}
}

// TestFillsLess asks for more than a bucket holds.
func TestFillsLess(t *testing.T) {
	_, _, q := attach(t, Config{Rate: MaxRate, Burst: 1000}, 0)
	n, b := q.Do(nil, []int{600, 600, 600})
	want(t, "used length", n, 1000)
	if !bytes.Equal(b[1000:], bytes.Repeat([]byte{0xa5}, 800)) {
		t.Error("more was written than the device said")
	}
}

// TestOddRequests are against the rules of section 5.4.6.1, or as good as nothing.
func TestOddRequests(t *testing.T) {
	_, g, q := attach(t, unlimited(), 0)
	in := bytes.Repeat([]byte{7}, 50)
	r := q.Submit([][]byte{in}, nil)
	q.Notify()
	want(t, "used length without a buffer to fill", q.WaitUsed(virtiotest.Timeout).Len, 0)
	want(t, "what the driver wrote", string(r.Read[0].Bytes), string(in))
	n, _ := q.Do([][]byte{in}, []int{20})
	want(t, "used length with one to read, too", n, 20)
	q.SetDesc(0, virtiotest.Desc{Addr: 1 << 50, Flags: virtiotest.DescWrite})
	q.Raw(0)
	q.Notify()
	want(t, "used length of an empty buffer", q.WaitUsed(virtiotest.Timeout).Len, 0)
	want(t, "status", g.Status(), 15)
}

// TestNoQueue has a driver that wants nothing.
func TestNoQueue(t *testing.T) {
	d := mustNew(t, Config{})
	g := virtiotest.New(t, d, virtiotest.Options{})
	for range 3 {
		if err := g.Negotiate(0); err != nil {
			t.Fatal(err)
		}
		if err := g.DriverOK(); err != nil {
			t.Fatal(err)
		}
	}
	d.Reset()
}

func TestDoesNotAllocate(t *testing.T) {
	_, g, q := attach(t, unlimited(), virtio.FeatureEventIdx)
	r := q.Build(nil, []int{64, 1000})
	n := testing.AllocsPerRun(1000, func() { want(t, "used length", again(t, g, q, r), 1064) })
	want(t, "allocations", n, 0)
}

// again makes a request that was built, for a driver that does not sleep and allocates nothing.
func again(t testing.TB, g *virtiotest.Guest, q *virtiotest.Queue, r *virtiotest.Request) uint32 {
	q.Offer(r)
	if err := g.Bells[0].Signal(); err != nil {
		t.Error(err)
	}
	for {
		if u, ok := q.Used(); ok {
			return u.Len
		}
		runtime.Gosched()
	}
}

func BenchmarkFill(b *testing.B) {
	for _, n := range []int{64, 4096, 64 << 10} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			_, g, q := attach(b, unlimited(), virtio.FeatureEventIdx)
			r := q.Build(nil, []int{n})
			b.ReportAllocs()
			b.SetBytes(int64(n))
			for b.Loop() {
				again(b, g, q, r)
			}
		})
	}
}
