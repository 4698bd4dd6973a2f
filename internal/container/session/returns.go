package session

import "terem/internal/cli/tty"

// doubled says whether both terminals put a carriage return before a line feed, as they do when
// the user's is not raw: terem is a job in the background.
func (t *terminal) doubled() bool {
	conn, err := t.far.SyscallConn()
	if err != nil {
		return false
	}
	both := tty.AddsReturns(t.s.users.Fd())
	err = conn.Control(func(fd uintptr) { both = both && tty.AddsReturns(fd) })
	return both && err == nil
}

// once takes away, in place, the returns that the user's terminal adds again. A last one may be
// such a return, too, and is kept.
func once(text []byte) (less []byte, kept int) {
	if n := len(text); n > 0 && text[n-1] == '\r' {
		text, kept = text[:n-1], 1
	}
	less = text[:0:len(text)]
	for i, c := range text {
		if c != '\r' || i+1 == len(text) || text[i+1] != '\n' {
			less = append(less, c)
		}
	}
	return less, kept
}
