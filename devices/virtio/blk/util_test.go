package blk

import (
	"testing"
	"time"
)

// eventually waits until something holds; the test's own timeout is the only one.
func eventually(t testing.TB, holds func() bool) {
	t.Helper()
	for !holds() {
		if t.Context().Err() != nil {
			t.Fatal("the test has ended")
		}
		time.Sleep(100 * time.Microsecond)
	}
}
