package disk

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"golang.org/x/sys/unix"
)

// BenchmarkBare is what the others are held against: pread alone.
func BenchmarkBare(b *testing.B) {
	const size = 64 << 20
	fd, err := unix.Open(rawImage(b, size, random(b, size)), unix.O_RDONLY, 0)
	if err != nil {
		b.Fatal(err)
	}
	defer unix.Close(fd)
	for _, n := range []int{4 << 10, 128 << 10} {
		b.Run(fmt.Sprint("read", n>>10, "K"), func(b *testing.B) {
			p := alignedBuffer(n)
			b.SetBytes(int64(n))
			for b.Loop() {
				if k, err := unix.Pread(fd, p, rand.Int64N(size/int64(n))*int64(n)); k != n {
					b.Fatal(k, err)
				}
			}
		})
	}
}

func BenchmarkDisk(b *testing.B) {
	const size = 64 << 20
	path := rawImage(b, size, random(b, size))
	for _, k := range []struct{ name, options string }{{"raw", ""}, {"overlay", ",overlay=" + path + ".over"}} {
		d := openSpec(b, path+k.options)
		for _, n := range []int{4 << 10, 128 << 10} {
			iov := pieces(alignedBuffer(n), 4096)
			for name, f := range map[string]func([][]byte, int64) error{"read": d.ReadVec, "write": d.WriteVec} {
				b.Run(fmt.Sprint(k.name, "/", name, n>>10, "K"), func(b *testing.B) {
					b.SetBytes(int64(n))
					b.ReportAllocs()
					for b.Loop() {
						if err := f(iov, rand.Int64N(size/int64(n))*int64(n)); err != nil {
							b.Fatal(err)
						}
					}
				})
			}
		}
		if err := d.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
