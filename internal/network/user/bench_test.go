package user

import (
	"io"
	"syscall"
	"testing"
)

// BenchmarkUp is a guest's stream to the host: one stack, the link, the other stack, and a socket. Both stacks are in this process.
func BenchmarkUp(b *testing.B) {
	stream(b, func(guest, host io.ReadWriter) (io.Writer, io.Reader) { return guest, host })
}

// BenchmarkDown is the reverse.
func BenchmarkDown(b *testing.B) {
	stream(b, func(guest, host io.ReadWriter) (io.Writer, io.Reader) { return host, guest })
}

func stream(b *testing.B, way func(guest, host io.ReadWriter) (io.Writer, io.Reader)) {
	g := attach(b, plain, all)
	l, to := listen(b, "tcp4", "127.0.0.1:0", gateway4)
	c := g.mustDial(to)
	h, err := l.AcceptTCP()
	if err != nil {
		b.Fatal(err)
	}
	defer h.Close()
	w, r := way(c, h)
	b.SetBytes(chunk)
	b.ResetTimer()
	before := cpuTime(b)
	defer func() { b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N)/chunk, "CPU-ns/byte") }()
	go func() {
		p := make([]byte, chunk)
		for range b.N {
			if _, err := w.Write(p); err != nil {
				return
			}
		}
	}()
	p := make([]byte, chunk)
	for left := int64(b.N) * chunk; left > 0; {
		n, err := r.Read(p)
		if err != nil {
			b.Fatal(err)
		}
		left -= int64(n)
	}
}

// cpuTime is what this process has taken, in nanoseconds: on a busy machine that says more than the clock.
func cpuTime(b *testing.B) int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}
