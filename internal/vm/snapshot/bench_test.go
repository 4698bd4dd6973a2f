package snapshot

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"terem/memory"
)

// usedGuest is like a small Linux: 128 MiB, of which 40 MiB in runs of 1 to 64 pages are not zero.
func usedGuest(b *testing.B) *memory.Guest {
	const size, used = 128 << 20, 40 << 20
	g := newGuest(b, size)
	ram := g.Regions()[0].Host
	for at, done, run := 0, 0, 1; done < used; run = run%64 + 1 {
		for i := range run * memory.PageSize {
			ram[at+i] = byte(i*7 + run)
		}
		done += run * memory.PageSize
		at += run * memory.PageSize * size / used
		at &^= memory.PageSize - 1
		if at > size-64*memory.PageSize {
			break
		}
	}
	return g
}

func BenchmarkMemory(b *testing.B) {
	g := usedGuest(b)
	dir := filepath.Join(b.TempDir(), "snap")
	for b.Loop() {
		b.StopTimer()
		w, err := Create(dir, false)
		mustDo(b, err)
		b.StartTimer()
		mustDo(b, w.Memory(b.Context(), g))
		b.StopTimer()
		mustDo(b, w.Abort())
		b.StartTimer()
	}
}

// BenchmarkCopy is what Memory is measured by: cp of the same file, by the kernel alone (copy_file_range(2)), and by reading
// and writing what is no hole.
func BenchmarkCopy(b *testing.B) {
	dir := filepath.Join(b.TempDir(), "snap")
	take(b, dir, false, usedGuest(b), someState())
	from, err := os.Open(dir + "/memory")
	mustDo(b, err)
	defer from.Close()
	for b.Loop() {
		_, err = from.Seek(0, io.SeekStart)
		to, e := os.Create(dir + "-copy")
		mustDo(b, err, e)
		_, err = io.Copy(to, from)
		b.StopTimer()
		mustDo(b, err, to.Close(), os.Remove(to.Name()))
		b.StartTimer()
	}
}

func BenchmarkOpen(b *testing.B) {
	dir := filepath.Join(b.TempDir(), "snap")
	take(b, dir, false, usedGuest(b), someState())
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
