package ext4

import "math/bits"

// hasher hashes names for directories with an index: half of MD4 (fs/ext4/hash.c), from a
// seed in the superblock.
type hasher struct {
	seed     [4]uint32
	unsigned bool // names are unsigned characters: what the CPU that mke2fs ran on has
}

// halfMD4 is the number of this hash in s_def_hash_version and in an index.
const halfMD4 = 1

func newHasher(seed []byte, unsigned bool) hasher {
	h := hasher{[4]uint32{0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476}, unsigned}
	var own [4]uint32
	for i := range own {
		own[i] = get32(seed[4*i:])
	}
	if own != ([4]uint32{}) {
		h.seed = own
	}
	return h
}

// name gives a name's hash, whose lowest bit is free for the index, and a second one that
// orders names with the same.
func (h hasher) name(name string) (major, minor uint32) {
	const piece = 32
	buf := h.seed
	for ; len(name) > 0; name = name[min(piece, len(name)):] {
		in := h.words(name)
		md4Half(&buf, &in)
	}
	const end = 0xfffffffe // means the end of a directory; ext4 steps back from it
	if major = buf[1] &^ 1; major == end {
		major -= 2
	}
	return major, buf[2]
}

// words packs 32 bytes of a name, filled up with its length.
func (h hasher) words(name string) (in [8]uint32) {
	pad := uint32(len(name)) | uint32(len(name))<<8
	pad |= pad << 16
	for i := range in {
		in[i] = pad
	}
	for i := range min(len(name), 4*len(in)) {
		c := uint32(name[i])
		if !h.unsigned {
			c = uint32(int8(name[i]))
		}
		in[i/4] = c + in[i/4]<<8
	}
	return in
}

// md4Half is three rounds of eight steps; words and shifts are as the format has them.
func md4Half(buf *[4]uint32, in *[8]uint32) {
	rounds := [3]struct {
		f      func(x, y, z uint32) uint32
		add    uint32
		word   [8]int
		rotate [4]int
	}{
		{func(x, y, z uint32) uint32 { return z ^ x&(y^z) }, 0, [8]int{0, 1, 2, 3, 4, 5, 6, 7}, [4]int{3, 7, 11, 19}},
		{func(x, y, z uint32) uint32 { return x&y + (x^y)&z }, 0x5a827999, [8]int{1, 3, 5, 7, 0, 2, 4, 6}, [4]int{3, 5, 9, 13}},
		{func(x, y, z uint32) uint32 { return x ^ y ^ z }, 0x6ed9eba1, [8]int{3, 7, 2, 6, 1, 5, 0, 4}, [4]int{3, 9, 11, 15}},
	}
	a, b, c, d := buf[0], buf[1], buf[2], buf[3]
	for _, r := range rounds {
		for i, w := range r.word {
			n := bits.RotateLeft32(a+r.f(b, c, d)+in[w]+r.add, r.rotate[i%4])
			a, b, c, d = d, n, b, c
		}
	}
	buf[0], buf[1], buf[2], buf[3] = buf[0]+a, buf[1]+b, buf[2]+c, buf[3]+d
}
