package snapshot

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"terem/memory"
)

// usedGuest is like a small Linux: 128 MiB, of which 40 MiB in runs of 1 to 64 pages are not zero.
func usedGuest(b *testing.B) *memory.Guest {
	const size, used = 128 << 20, 40 << 20
	g := newGuest(b, size)
	ram := g.Regions()[0].Host
	for at, run := 0, 1; at < size-64*memory.PageSize; run = run%64 + 1 {
		n := run * memory.PageSize
		for i := range n {
			ram[at+i] = byte(i*7 + run)
		}
		at = (at + n*size/used) &^ (memory.PageSize - 1)
	}
	return g
}

// BenchmarkMemory compares the writing of RAM with cp of the file that it makes, in turn: what else the host does hits both.
// The medians are what counts.
func BenchmarkMemory(b *testing.B) {
	g := usedGuest(b)
	top := b.TempDir()
	take(b, filepath.Join(top, "snap"), false, g, someState())
	from, to := filepath.Join(top, "snap", "memory"), filepath.Join(top, "copy")
	var ours, cps []time.Duration
	for b.Loop() {
		w, err := Create(filepath.Join(top, "next"), false)
		mustDo(b, err)
		start := time.Now()
		mustDo(b, w.Memory(b.Context(), g))
		ours = append(ours, time.Since(start))
		mustDo(b, w.Abort())
		start = time.Now()
		mustDo(b, exec.Command("cp", from, to).Run())
		cps = append(cps, time.Since(start))
		mustDo(b, os.Remove(to))
	}
	slices.Sort(ours)
	slices.Sort(cps)
	report := func(at int, name string) {
		b.ReportMetric(ours[at].Seconds()*1000, "ms-"+name)
		b.ReportMetric(cps[at].Seconds()*1000, "ms-cp-"+name)
	}
	report(0, "least")
	report(len(ours)/2, "median")
	report(len(ours)*9/10, "p90")
	b.ReportMetric(0, "ns/op") // of both, and of removing them
}

// BenchmarkDiff is how long a guest stands still for a diff, by how many pages it has changed of 128 MiB, every other one at
// most; and how long a restore of that takes to make its RAM. A whole snapshot is BenchmarkMemory.
func BenchmarkDiff(b *testing.B) {
	const size = 128 << 20 / memory.PageSize
	top := b.TempDir()
	take(b, top+"/base", false, usedGuest(b), someState())
	parent := mustOpen(b, top+"/base")
	for _, changed := range []int{0, 10, 100, 1000, 10_000} {
		g := guestOf(b, parent)
		for _, page := range g.Regions() {
			for at := 0; at < len(page.Host); at += 64 * memory.PageSize {
				_ = page.Host[at] // as a guest reads what it does not change
			}
		}
		for n := range changed {
			page := n * (size / max(changed, 1)) / 2 * 2
			mustDo(b, g.Store64(memory.Addr(page)*memory.PageSize, uint64(n)))
		}
		b.Run(fmt.Sprintf("write/%d", changed), func(b *testing.B) {
			var took []time.Duration
			for b.Loop() {
				w, err := CreateDiff(top+"/next", true, parent)
				mustDo(b, err)
				start := time.Now()
				mustDo(b, w.Memory(b.Context(), g))
				took = append(took, time.Since(start))
				mustDo(b, w.Abort())
			}
			slices.Sort(took)
			b.ReportMetric(took[len(took)/2].Seconds()*1000, "ms-median")
			b.ReportMetric(0, "ns/op") // of making and removing the file, too
		})
		takeDiff(b, top+"/diff", true, g, parent, someState())
		b.Run(fmt.Sprintf("restore/%d", changed), func(b *testing.B) {
			for b.Loop() {
				s, err := Open(top + "/diff")
				mustDo(b, err)
				g, err := s.Guest()
				mustDo(b, err, g.Close(), s.Close())
			}
		})
	}
}

// BenchmarkOpen has a machine's state of 64 KiB.
func BenchmarkOpen(b *testing.B) {
	dir := filepath.Join(b.TempDir(), "snap")
	s := someState()
	s.Machine = json.RawMessage("[0" + strings.Repeat(`,{"a":[1]}`, 64<<10/10) + "]")
	take(b, dir, false, usedGuest(b), s)
	for b.Loop() {
		s, err := Open(dir)
		mustDo(b, err, s.Close())
	}
}

func BenchmarkVerify(b *testing.B) {
	dir := filepath.Join(b.TempDir(), "snap")
	take(b, dir, false, usedGuest(b), someState())
	s := mustOpen(b, dir)
	for b.Loop() {
		mustDo(b, s.Verify(b.Context()))
	}
}
