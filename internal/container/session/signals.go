package session

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"

	"terem/internal/cli/signals"
)

// Signals that terem gets are for the program, as with every launcher (crun, runc). The
// first ones are asked for before the container is started, since they end a start too. To
// ask for each costs some microseconds and for all of them half a millisecond: so the others
// are asked for while it starts. What comes meanwhile is passed on when the program runs.
//
// Not passed on: SIGCHLD and SIGURG, which are between terem and the kernel; SIGWINCH, which
// becomes the size of the program's terminal; SIGTSTP, SIGTTIN, SIGTTOU and SIGCONT, with
// which a shell stops terem and lets it go on; SIGPIPE, which would be terem's own; SIGKILL
// and SIGSTOP, which cannot be.

var (
	firstSignals = [...]syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGALRM}
	rareSignals  = [...]syscall.Signal{syscall.SIGVTALRM, syscall.SIGPROF, syscall.SIGXCPU, syscall.SIGXFSZ, syscall.SIGIO, syscall.SIGPWR}
)

// endsStart says whether a signal ends a start that is under way.
func endsStart(s syscall.Signal) bool {
	return s == syscall.SIGINT || s == syscall.SIGTERM || s == syscall.SIGHUP || s == syscall.SIGQUIT
}

// firstRealTime and lastRealTime are the signals that programs give a meaning of their own;
// C libraries keep two before them (signal(7)). systemd, as process 1, listens to some.
const firstRealTime, lastRealTime = syscall.Signal(34), syscall.Signal(64)

// rare are the signals that are hardly ever sent.
func rare() []syscall.Signal {
	all := append(signals.Faults(), rareSignals[:]...)
	for s := firstRealTime; s <= lastRealTime; s++ {
		all = append(all, s)
	}
	return all
}

// pass sends a signal on to the program, which does with it what it likes. All that are
// passed on end a process that has not said what to do with them; but the first process of a
// namespace survives every signal that it has no handler for. So then it is killed, and what
// a user sees is what he sees of any process.
func (s *session) pass(sig syscall.Signal) {
	minds := handles(s.k.Pid(), sig) // before it is sent: it may end the program
	send := s.k.Signal
	if sig == syscall.SIGINT || sig == syscall.SIGQUIT {
		send = s.k.Interrupt // most likely, somebody pressed Ctrl-C where terem runs
	}
	if send(sig) != nil {
		return // it has ended
	}
	if !minds {
		s.end(statusSignal+int(sig), sig.String())
	}
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
