package machine

import (
	"io"
	"sync/atomic"
)

// panicWords open the line that Linux prints at a panic (kernel/panic.c).
const panicWords = "Kernel panic - not syncing"

// panicWatch passes the console on and remembers whether the guest's kernel said
// that it panicked: most kernels have no better way to tell, and a panic with
// panic=-1 looks like a reset otherwise.
//
// Once the guest has ended itself, the rest is dropped: its kernel has words for that,
// too, and its processor goes on until it is stopped.
type panicWatch struct {
	out   io.Writer
	state PanicState
	ended atomic.Bool
}

// PanicState is what a panicWatch knows: how much of the words it has just seen,
// and whether it has seen them all.
type PanicState struct {
	matched int
	seen    atomic.Bool
}

func (w *panicWatch) Write(p []byte) (int, error) {
	for _, b := range p {
		w.state.next(b)
	}
	if w.out == nil || w.ended.Load() {
		return len(p), nil
	}
	return w.out.Write(p)
}

// next matches one byte. The first byte of panicWords occurs once in it, so a
// failed match starts again at that byte or at none.
func (s *PanicState) next(b byte) {
	switch b {
	case panicWords[s.matched]:
		s.matched++
	case panicWords[0]:
		s.matched = 1
	default:
		s.matched = 0
	}
	if s.matched == len(panicWords) {
		s.matched = 0
		s.seen.Store(true)
	}
}
