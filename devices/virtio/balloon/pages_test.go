package balloon

import (
	"bytes"
	"math"
	"slices"
	"testing"

	"terem/devices/virtio"
	"terem/devices/virtio/virtiotest"
	"terem/memory"
)

const page = memory.PageSize

// TestInflate gives a block of pages in several orders. The host has them back after one call, and
// the guest has its neighbours still.
func TestInflate(t *testing.T) {
	const n = 256
	for _, features := range []uint64{0, virtio.FeatureEventIdx, virtio.FeatureIndirectDesc} {
		d := up(t, everything|features)
		d.Queue(inflateQueue).Indirect = features&virtio.FeatureIndirectDesc != 0
		for _, order := range []string{"up", "down", "mixed", "twice"} {
			a, ram := d.pages(n)
			var list []uint32
			for i := range uint32(n) {
				list = append(list, pfn(a)+i)
			}
			switch order {
			case "down":
				slices.Reverse(list)
			case "mixed":
				for i := range list {
					list[i] = pfn(a) + uint32(i)*77%n
				}
			case "twice":
				list = append(list, list...)
			}
			want(t, order+": resident before", resident(t, ram), n)
			beyond := d.Bytes(a+n*page, page)
			beyond[0] = 7
			want(t, order, d.inflate(pfns(list...)), Counters{Inflated: n * page, Calls: 1})
			want(t, order+": resident after", resident(t, ram), 0)
			want(t, order+": the page after them", beyond[0], 7)
			want(t, order+": touched again", bytes.Count(ram, []byte{0}), len(ram))
		}
	}
}

// TestInflateRuns counts the runs of page numbers.
func TestInflateRuns(t *testing.T) {
	d := up(t, everything)
	a, ram := d.pages(16)
	p := pfn(a)
	got := d.inflate(pfns(p+9, p, p+2, p+1, p+9, p+15))
	want(t, "three runs", got, Counters{Inflated: 5 * page, Calls: 3})
	for i := range 16 {
		gone := slices.Contains([]int{0, 1, 2, 9, 15}, i)
		want(t, "page that was named", ram[i*page] == 0, gone)
	}
}

// TestInflateSplit cuts the array of page numbers where a driver should not.
func TestInflateSplit(t *testing.T) {
	d := up(t, everything)
	a, ram := d.pages(3)
	b := pfns(pfn(a), pfn(a)+1, pfn(a)+2)
	got := d.inflate(b[:1], b[1:6], b[6:7], b[7:11]) // and the last byte is not there
	want(t, "two whole numbers", got, Counters{Inflated: 2 * page, Calls: 1})
	want(t, "resident", resident(t, ram), 1)
	want(t, "part of a number", d.inflate([]byte{1, 2, 3}), Counters{})
}

func TestDeflate(t *testing.T) {
	d := up(t, everything)
	a, ram := d.pages(1)
	n, _ := d.Queue(deflateQueue).Do([][]byte{pfns(pfn(a), math.MaxUint32)}, nil)
	want(t, "used length", n, 0)
	want(t, "counters", d.b.Counters(), Counters{})
	want(t, "the page", ram[0], 0xa5)
}

// TestHostileNumbers names pages that are not RAM, and too many.
func TestHostileNumbers(t *testing.T) {
	d := up(t, everything)
	first, end := pfn(d.Base), pfn(d.Base)+uint32(len(d.RAM)/page)
	last := d.RAM[len(d.RAM)-page:]
	last[0] = 1
	for _, tt := range []struct {
		name string
		list []uint32
		want Counters
	}{
		{"page 0", []uint32{0}, Counters{Ignored: page}},
		{"below RAM", []uint32{first - 1, first - 2}, Counters{Ignored: 2 * page}},
		{"above RAM", []uint32{end, end + 1}, Counters{Ignored: 2 * page}},
		{"over the end", []uint32{end - 1, end, end + 1}, Counters{Inflated: page, Ignored: 2 * page, Calls: 1}},
		{"the last of all", []uint32{math.MaxUint32}, Counters{Ignored: page}},
		{"round the end of all", []uint32{math.MaxUint32, 0, math.MaxUint32 - 1, 1}, Counters{Ignored: 4 * page}},
		{"apart", []uint32{5, 50, 250}, Counters{Ignored: 3 * page}},
	} {
		want(t, tt.name, d.inflate(pfns(tt.list...)), tt.want)
	}
	want(t, "the last page", last[0], 0)
	huge := pfns(slices.Repeat([]uint32{end - 1}, maxPages+1000)...)
	want(t, "too many numbers", d.inflate(huge), Counters{Inflated: maxPages / batch * page, Ignored: 1000 * page, Calls: maxPages / batch})
	want(t, "status", d.Status(), 15)
	want(t, "Err", d.b.Err(), nil)
}

// TestInflateRegions has RAM in two pieces that touch, and page 0.
func TestInflateRegions(t *testing.T) {
	m, err := memory.New(8 * page)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	ram := m.Regions()[0].Host
	two, err := memory.NewFromRegions(
		memory.Region{Addr: 0, Host: ram[:3*page]}, memory.Region{Addr: 3 * page, Host: ram[4*page : 6*page]})
	if err != nil {
		t.Fatal(err)
	}
	b, err := New(Config{Memory: two})
	if err != nil {
		t.Fatal(err)
	}
	for i := range ram {
		ram[i] = 1
	}
	b.inflate(0, 8*page)
	want(t, "counters", b.Counters(), Counters{Inflated: 5 * page, Ignored: 3 * page, Calls: 2})
	for i, gone := range []bool{true, true, true, false, true, true, false, false} {
		want(t, "page", ram[i*page] == 0, gone)
	}
}

func TestReport(t *testing.T) {
	for _, queue := range []int{reportQueue, 4} {
		d := up(t, everything)
		a, ram := d.pages(512)
		b, more := d.pages(8)
		got := d.report(queue, virtiotest.Desc{Addr: a, Len: uint32(len(ram))}, virtiotest.Desc{Addr: b, Len: 4 * page})
		want(t, "report", got, Counters{Reported: 516 * page, Calls: 2})
		want(t, "resident", resident(t, ram), 0)
		want(t, "resident, half", resident(t, more), 4)
	}
}

// TestReportParts reports what does not begin or end at a page. The rest of those pages stays.
func TestReportParts(t *testing.T) {
	d := up(t, everything)
	a, ram := d.pages(4)
	d.report(reportQueue, virtiotest.Desc{Addr: a + 1, Len: 3 * page}, virtiotest.Desc{Addr: a, Len: 12}, virtiotest.Desc{Addr: a + 100})
	want(t, "resident", resident(t, ram), 2)
	want(t, "first and last page", bytes.Count(ram, []byte{0xa5}), 2*page)
}

// TestReportQueueOfPoorDriver has reports on queue 2, where there are no statistics.
func TestReportQueueOfPoorDriver(t *testing.T) {
	d := up(t, featureReporting)
	a, ram := d.pages(4)
	d.report(2, virtiotest.Desc{Addr: a, Len: 4 * page})
	want(t, "resident", resident(t, ram), 0)
}

// TestPoison leaves pages alone that must keep what is not zero.
func TestPoison(t *testing.T) {
	for _, poison := range []byte{0, 0xaa} {
		d := attach(t, virtiotest.Options{})
		if err := d.Negotiate(everything | featurePoison); err != nil {
			t.Fatal(err)
		}
		d.WriteConfig(offPoison, []byte{poison, poison, poison, poison})
		for i := range queues {
			if err := d.NewQueue(i, 128).Ready(); err != nil {
				t.Fatal(err)
			}
		}
		if err := d.DriverOK(); err != nil {
			t.Fatal(err)
		}
		a, ram := d.pages(4)
		got := d.report(reportQueue, virtiotest.Desc{Addr: a, Len: 4 * page})
		expect, left := Counters{Reported: 4 * page, Calls: 1}, 0
		if poison != 0 {
			expect, left = Counters{Ignored: 4 * page}, 4
		}
		want(t, "report", got, expect)
		want(t, "resident", resident(t, ram), left)
		want(t, "inflated all the same", d.inflate(pfns(pfn(a))).Inflated, page)
	}
}

// TestNoReporting has a driver that uses the queues of features that it did not take.
func TestNoReporting(t *testing.T) {
	d := up(t, 0)
	a, ram := d.pages(4)
	for i := 2; i < queues; i++ {
		q := d.Queue(i)
		q.SetDesc(0, virtiotest.Desc{Addr: a, Len: 4 * page, Flags: virtiotest.DescWrite})
		q.Raw(0)
		q.Kick()
	}
	want(t, "inflateq works", d.inflate(pfns(pfn(a))).Inflated, page)
	want(t, "reported", d.b.Counters().Reported, 0)
	want(t, "resident", resident(t, ram), 3)
}
