// Package signals asks for signals, but for those that terem was started to ignore, as nohup(1) and shells without job
// control do: those stay ignored. Go tells this of SIGHUP and SIGINT.
package signals

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// Listen has signals sent to a channel.
func Listen(to chan<- os.Signal, signals ...syscall.Signal) {
	for _, s := range signals {
		if !signal.Ignored(s) {
			signal.Notify(to, s)
		}
	}
}

// Faults are the signals of a program's own faults. Go ends at them with a trace of all that it does, also where somebody else
// has sent them; that is a line for its developers, so terem hears those. Those of its own faults still do so: they are not sent.
func Faults() []syscall.Signal {
	return []syscall.Signal{syscall.SIGABRT, syscall.SIGBUS, syscall.SIGFPE, syscall.SIGILL, syscall.SIGSEGV, syscall.SIGSTKFLT, syscall.SIGSYS, syscall.SIGTRAP}
}

// Context is a context that ends with the first of the signals, or with one at which Go would show a trace.
func Context(parent context.Context, signals ...syscall.Signal) (ctx context.Context, stop context.CancelFunc) {
	ctx, cancel := context.WithCancel(parent)
	got := make(chan os.Signal, 1)
	Listen(got, append(append(Faults(), syscall.SIGQUIT), signals...)...)
	go func() {
		select {
		case <-got:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		cancel()
		signal.Stop(got)
	}
}
