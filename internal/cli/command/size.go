package command

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

var errSize = errors.New("not a size; write a number with K, M, G, T or P, such as 512M")

// ParseSize reads a number of bytes with an optional binary unit: 4096, 512M, 4G,
// 1GiB.
func ParseSize(s string) (uint64, error) {
	digits := strings.TrimRight(s, "KMGTPkmgtpiBb")
	shift, ok := map[string]uint{
		"": 0, "b": 0, "k": 10, "kb": 10, "kib": 10, "m": 20, "mb": 20, "mib": 20,
		"g": 30, "gb": 30, "gib": 30, "t": 40, "tb": 40, "tib": 40,
		"p": 50, "pb": 50, "pib": 50,
	}[strings.ToLower(s[len(digits):])]
	n, err := strconv.ParseUint(digits, 10, 64)
	if err != nil || !ok {
		return 0, errSize
	}
	if n > math.MaxUint64>>shift {
		return 0, errors.New("more than 64 bits can say")
	}
	return n << shift, nil
}
