package vsock

import (
	"bytes"
	"errors"
	"io"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// TestPipe: all bytes, in order, both ways at once, whatever the sizes of reads and writes; and each half ends by itself.
func TestPipe(t *testing.T) {
	want := make([]byte, 1<<20)
	for i := range want {
		want[i] = byte(i*7 + i>>8 + i>>16)
	}
	a, b := Pipe()
	var work sync.WaitGroup
	for i, ends := range [][2]*End{{a, b}, {b, a}} {
		work.Go(func() {
			for at, n := 0, 1+i; at < len(want); n = n*5%70_001 + 1 {
				end := min(at+n, len(want))
				if n%2 == 0 {
					if k, err := ends[0].Write(want[at:end]); k != end-at || err != nil {
						t.Errorf("%d of %d bytes written, %v", k, end-at, err)
					}
					at = end
					continue
				}
				k, err := ends[0].TryWrite([][]byte{want[at : at+(end-at)/2], want[at+(end-at)/2 : end]})
				if err != nil {
					t.Error(err)
				}
				at += k
			}
			_ = ends[0].CloseWrite()
		})
		work.Go(func() {
			var got []byte
			for n := 1; ; n = n*3%60_000 + 1 {
				b := make([]byte, n)
				k, err := ends[1].Read(b)
				if got = append(got, b[:k]...); err != nil {
					break
				}
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%d bytes are not the %d that were sent", len(got), len(want))
			}
		})
	}
	work.Wait()
}

// TestPipeEnds: who waits hears of the end.
func TestPipeEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := Pipe()
		var work sync.WaitGroup
		work.Go(func() {
			if n, err := a.Write(make([]byte, 2*pipeSize)); n != pipeSize || !errors.Is(err, syscall.EPIPE) {
				t.Errorf("%d bytes written, %v", n, err)
			}
		})
		work.Go(a.AwaitHangup)
		work.Go(func() {
			if n, err := a.Read(make([]byte, 10)); n != 0 || !errors.Is(err, io.EOF) {
				t.Errorf("%d bytes read, %v", n, err)
			}
		})
		time.Sleep(time.Second)
		_ = b.Close()
		work.Wait()
		if n, err := a.TryWrite([][]byte{{1}}); n != 0 || !errors.Is(err, syscall.EPIPE) {
			t.Errorf("%d bytes written to nobody, %v", n, err)
		}
		a, _ = Pipe()
		work.Go(a.AwaitHangup)
		work.Go(func() { _, _ = a.Read(make([]byte, 10)) })
		time.Sleep(time.Second)
		_ = a.Close()
		work.Wait()
	})
}
