package ext4

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestRandom fills file systems of random sizes with random trees: e2fsck finds nothing.
func TestRandom(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := &random{rand.New(rand.NewPCG(seed, 1)), 1500, nil}
			root := dir(map[string]*Node{})
			for r.budget > 0 {
				root.Children[r.name()] = r.node(8)
			}
			f := empty(t, 64<<20+r.Int64N(400<<20), "-N", fmt.Sprint(2500+r.IntN(100000)))
			fillAndCheck(t, f, root)
		})
	}
}

type random struct {
	*rand.Rand
	budget int     // of nodes
	files  []*Node // that may get another name
}

func (r *random) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func (r *random) name() string {
	b := r.bytes(1 + r.IntN([]int{30, 30, 30, 255}[r.IntN(4)]))
	b = bytes.ReplaceAll(bytes.ReplaceAll(b, []byte{0}, []byte{1}), []byte("/"), []byte("\n"))
	return "n" + string(b[1:]) // "." and ".." are taken
}

func (r *random) time() Time {
	return []Time{{minTime, 0}, {maxTime, 999999999}, {minTime + r.Int64N(maxTime-minTime), uint32(r.IntN(1e9))}}[r.IntN(3)]
}

func (r *random) attrs() map[string][]byte {
	attrs, left := map[string][]byte{}, 3000
	for range r.IntN(8) {
		value := r.bytes(r.IntN(left/2 + 1))
		left -= len(value)
		attrs[[]string{"user.", "trusted.", "security."}[r.IntN(3)]+fmt.Sprint(r.IntN(1000))+strings.Repeat("\xf0", r.IntN(60))] = value
	}
	return attrs
}

func (r *random) node(depth int) *Node {
	r.budget--
	n := &Node{UID: r.Uint32(), GID: r.Uint32(), Times: Times{r.time(), r.time(), r.time(), r.time()}, Attrs: r.attrs()}
	kind := r.IntN(10)
	if kind < 4 && depth > 0 {
		r.fill(n, depth)
		return n
	}
	r.describe(n, kind%6)
	n.Mode |= uint32(r.IntN(0o10000))
	r.files = append(r.files, n)
	return n
}

// fill makes a directory.
func (r *random) fill(n *Node, depth int) {
	n.Mode, n.Children = unix.S_IFDIR|0o755, map[string]*Node{}
	for range r.IntN([]int{12, 12, 12, 12, 400}[r.IntN(5)]) {
		switch {
		case r.budget <= 0:
			return
		case len(r.files) > 0 && r.IntN(6) == 0:
			n.Children[r.name()] = r.files[r.IntN(len(r.files))]
		default:
			n.Children[r.name()] = r.node(depth - 1)
		}
	}
}

// describe makes anything else.
func (r *random) describe(n *Node, kind int) {
	switch kind {
	case 0:
		n.Mode, n.Target = unix.S_IFLNK, strings.Repeat("t", []int{1, 59, 60, 61, 4095}[r.IntN(5)])
	case 1:
		n.Mode, n.Major, n.Minor = []uint32{unix.S_IFCHR, unix.S_IFBLK}[r.IntN(2)], uint32(r.IntN(maxMajor+1)), uint32(r.IntN(maxMinor+1))
	case 2:
		n.Mode = []uint32{unix.S_IFIFO, unix.S_IFSOCK}[r.IntN(2)]
	default:
		b := make([]byte, []int{0, 1, blockSize - 1, blockSize, blockSize + 1, 1 << 20}[r.IntN(6)])
		var ranges []Range
		for off := r.IntN(9000); off < len(b); off += r.IntN(20000) {
			part := r.bytes(1 + r.IntN(min(9000, len(b)-off)))
			ranges = append(ranges, Range{int64(off), int64(len(part))})
			off += copy(b[off:], part)
		}
		n.Mode, n.Size = unix.S_IFREG, int64(len(b))
		n.Open = func() (Contents, error) { return text{bytes.NewReader(b), ranges}, nil }
	}
}
