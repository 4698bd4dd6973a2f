package agent

import (
	"encoding/binary"
	"io"
	"sync"
)

// intake is the input of a program: at most a window waits there to be taken.
type intake struct {
	to       io.WriteCloser // nil: there is none
	terminal bool

	mu     sync.Mutex
	more   *sync.Cond
	bytes  []byte
	taken  int  // and not told of
	out    int  // came, and was not told to be taken
	last   bool // nothing more comes
	ended  bool // nothing more is taken
	closed sync.Once
}

func newIntake() *intake {
	i := &intake{}
	i.more = sync.NewCond(&i.mu)
	return i
}

// Write takes what came in a frame.
func (i *intake) Write(p []byte) (int, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.out += len(p); i.out > window {
		return 0, protocol("%d bytes of input beyond what was taken; %d is the most", i.out, window)
	}
	if !i.last && !i.ended {
		i.bytes = append(i.bytes, p...)
		i.more.Signal()
	}
	return len(p), nil
}

// endOfInput is what a terminal takes for the end, at the start of a line.
const endOfInput = 0x04

func (i *intake) eof() {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.terminal && !i.last && !i.ended {
		i.bytes = append(i.bytes, endOfInput)
		i.taken-- // it did not come, so it is not told of
	}
	i.last = true
	i.more.Signal()
}

// end ends it, whoever waits.
func (i *intake) end() {
	i.mu.Lock()
	i.ended = true
	i.more.Broadcast()
	i.mu.Unlock()
	i.close()
}

func (i *intake) close() {
	i.closed.Do(func() {
		if i.to != nil {
			i.to.Close()
		}
	})
}

// next is what waits; none at the end.
func (i *intake) next(into []byte) []byte {
	i.mu.Lock()
	defer i.mu.Unlock()
	for len(i.bytes) == 0 && !i.last && !i.ended {
		i.more.Wait()
	}
	if i.ended {
		return nil
	}
	n := copy(into, i.bytes)
	i.bytes = i.bytes[:copy(i.bytes, i.bytes[n:])]
	return into[:n]
}

// worthIt is how much must have been taken for a frame that says so.
const worthIt = window / 4

// told is how much is to be told as taken, when n bytes more have been.
func (i *intake) told(n int) int {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.taken += n; i.taken < worthIt {
		return 0
	}
	n, i.taken = i.taken, 0
	i.out -= n
	return n
}

// carry gives the program its input. What it no longer reads is never told as taken.
func (i *intake) carry(say func([]byte) error) {
	buf := make([]byte, window+1)
	for i.to != nil {
		p := i.next(buf)
		if len(p) == 0 {
			if !i.terminal {
				i.close()
			}
			return
		}
		if _, err := i.to.Write(p); err != nil {
			return
		}
		if n := i.told(len(p)); n > 0 {
			var b [4]byte
			binary.LittleEndian.PutUint32(b[:], uint32(n))
			if say(appendFrame(nil, taken, b[:]...)) != nil {
				return
			}
		}
	}
}
