package cmdline

import "fmt"

// Share is a shared directory and where PID 1 mounts it.
type Share struct {
	Path     string
	ReadOnly bool
}

// MaxShares is how many there may be: a machine has interrupt lines for no more devices.
const MaxShares = 16

// ShareTag is the tag of the device of a shared directory, which are numbered in their order.
func ShareTag(i int) string { return fmt.Sprintf("share%d", i) }

// shareWords are the paths, each after a letter: r if it is read-only, otherwise w.
func shareWords(shares []Share) (words []string) {
	for _, s := range shares {
		letter := "w"
		if s.ReadOnly {
			letter = "r"
		}
		words = append(words, letter+s.Path)
	}
	return words
}
