package agent

import (
	"testing"

	"terem/guest/bare/baretest"
)

// maxSize is what the program may weigh.
const maxSize = 12 << 10

func TestCompiles(t *testing.T) {
	baretest.Check(t, baretest.Compile(t, Program()), maxSize)
}
