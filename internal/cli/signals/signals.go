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

// Context is a context that ends with the first of the signals.
func Context(parent context.Context, signals ...syscall.Signal) (ctx context.Context, stop context.CancelFunc) {
	ctx, cancel := context.WithCancel(parent)
	got := make(chan os.Signal, 1)
	Listen(got, signals...)
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
