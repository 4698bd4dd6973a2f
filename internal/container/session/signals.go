package session

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// pass sends a signal on to the program, which may end by it as it likes. If it does not
// listen it is killed: at once, if it has no handler, since the first process of a
// namespace survives every signal that it has no handler for; and otherwise after a time,
// or at the next signal.
func (s *session) pass(sig syscall.Signal, signals <-chan os.Signal) {
	if s.k.Signal(sig) != nil {
		return // it has ended
	}
	if handles(s.k.Pid(), sig) {
		t := time.NewTimer(grace)
		defer t.Stop()
		select {
		case <-s.k.Done():
			return
		case <-signals:
		case <-t.C:
		}
	}
	s.end(statusSignal+int(sig), sig.String())
}

// handles says whether a process has a handler for a signal, or ignores it on purpose.
func handles(pid int, sig syscall.Signal) bool {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return false
	}
	defer f.Close()
	return parseHandled(f)&(1<<(uint(sig)-1)) != 0
}

// parseHandled is the set of signals that a process catches or ignores, from
// /proc/PID/status (proc_pid_status(5)).
func parseHandled(r io.Reader) (set uint64) {
	for lines := bufio.NewScanner(r); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), ":")
		if name != "SigIgn" && name != "SigCgt" {
			continue
		}
		if n, err := strconv.ParseUint(strings.TrimSpace(value), 16, 64); err == nil {
			set |= n
		}
	}
	return set
}
