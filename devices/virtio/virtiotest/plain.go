package virtiotest

import (
	"fmt"
	"testing"
)

// Plain is a testing.TB for examples, which have none: where a test would fail, it panics. It has
// no end at which to clean up, so call [Guest.Close].
type Plain struct{ testing.TB }

// Helper does nothing.
func (Plain) Helper() {}

// Cleanup does nothing.
func (Plain) Cleanup(func()) {}

// Errorf panics.
func (Plain) Errorf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

// Fatalf panics.
func (Plain) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

// Fatal panics.
func (Plain) Fatal(args ...any) { panic(fmt.Sprint(args...)) }
