package agent

import (
	"encoding/binary"
	"sync"
)

// credit counts how many bytes of input the guest takes.
type credit struct {
	mu    sync.Mutex
	more  *sync.Cond
	left  int
	ended bool
}

func newCredit() *credit {
	c := &credit{left: window}
	c.more = sync.NewCond(&c.mu)
	return c
}

// take waits until the guest takes something, and says how much of n that is; 0 at the end.
func (c *credit) take(n int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.left == 0 && !c.ended {
		c.more.Wait()
	}
	if c.ended {
		return 0
	}
	n = min(n, c.left)
	c.left -= n
	return n
}

// give takes back what the guest has taken.
func (c *credit) give(n uint32) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n > uint32(window-c.left) {
		return protocol("that it has taken %d bytes, and was sent %d", n, window-c.left)
	}
	c.left += int(n)
	c.more.Signal()
	return nil
}

func (c *credit) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = true
	c.more.Broadcast()
}

// input sends what there is to read, and its end. An error of the reader is an end, too: whoever wants to know of it
// has it look.
func (s *session) input() {
	if s.st.Stdin == nil {
		s.tell(appendFrame(nil, stdinEOF))
		return
	}
	buf := make([]byte, header+window)
	for {
		n, err := s.st.Stdin.Read(buf[header:])
		for at := 0; at < n; {
			part := s.credit.take(n - at)
			if part == 0 {
				return
			}
			frame := buf[at : at+header+part] // what is in front has been sent
			frame[0] = byte(stdin)
			binary.LittleEndian.PutUint32(frame[1:], uint32(part))
			if s.say(frame) != nil {
				return
			}
			at += part
		}
		if err != nil {
			s.tell(appendFrame(nil, stdinEOF))
			return
		}
	}
}

// tell sends a frame that is the sender's last; the listener hears of a connection that is gone.
func (s *session) tell(frame []byte) { _ = s.say(frame) }
