package pid1

import (
	"testing"

	"terem/guest/bare/baretest"
)

// maxSize is what the program may weigh: it is read from the initramfs page by page.
const maxSize = 25 << 10

func TestCompiles(t *testing.T) {
	baretest.Check(t, baretest.Compile(t, Program([]string{"sh", "[["})), maxSize)
}
