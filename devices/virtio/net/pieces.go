package net

// get copies bytes out of pieces, from off on.
func get(pieces [][]byte, off int, to []byte) {
	for _, b := range pieces {
		if off >= len(b) {
			off -= len(b)
			continue
		}
		to = to[copy(to, b[off:]):]
		if off = 0; len(to) == 0 {
			return
		}
	}
}

// put copies bytes into pieces, from off on.
func put(pieces [][]byte, off int, from []byte) {
	for _, b := range pieces {
		if off >= len(b) {
			off -= len(b)
			continue
		}
		from = from[copy(b[off:], from):]
		if off = 0; len(from) == 0 {
			return
		}
	}
}

// cut gives n bytes of pieces from off on, in slices of their own.
func cut(pieces [][]byte, off, n int) (part [][]byte) {
	for _, b := range pieces {
		if off >= len(b) {
			off -= len(b)
			continue
		}
		b = b[off:]
		b = b[:min(len(b), n)]
		if off, n = 0, n-len(b); len(b) > 0 {
			part = append(part, b)
		}
	}
	return part
}
