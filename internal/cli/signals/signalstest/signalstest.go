// Package signalstest gives tests of signals the same ground wherever they run.
package signalstest

import (
	"os"
	"os/signal"
	"syscall"
)

// Heed is for the start of a test's program: what that was started to ignore, as by nohup(1), is heard by it and by the
// programs that it starts.
func Heed() {
	for _, s := range []syscall.Signal{syscall.SIGHUP, syscall.SIGINT} {
		if signal.Ignored(s) {
			signal.Notify(make(chan os.Signal, 1), s)
		}
	}
}
