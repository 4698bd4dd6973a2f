package ext4

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Extended attributes: entries of 16 bytes and a name from the front, values from the back;
// behind a magic number in the inode, or behind 32 bytes in a block of their own.
const (
	attrMagic   = 0xea020000
	attrHead    = 16
	attrEnd     = 4 // a zero behind the last entry
	blockHead   = 32
	inodeRoom   = inodeSize - smallAttrs - 4
	attrHashed  = 5
	valueHashed = 16
)

// attr is an attribute as ext4 has it: the first part of its name is a number.
type attr struct {
	index byte
	name  string
	value []byte
}

var attrPrefixes = []struct {
	prefix string
	index  byte
}{{"user.", 1}, {"trusted.", 4}, {"security.", 6}}

func (a *attr) size() int { return attrHead + (len(a.name)+3)&^3 + (len(a.value)+3)&^3 }

// newAttr translates an attribute.
func newAttr(name string, value []byte) (a attr, err error) {
	switch name {
	case "system.posix_acl_access":
		a.index = 2
	case "system.posix_acl_default":
		a.index = 3
	}
	if a.index > 0 {
		a.value, err = packACL(value)
		return a, err
	}
	for _, p := range attrPrefixes {
		if rest, ok := strings.CutPrefix(name, p.prefix); ok && rest != "" && len(rest) <= maxName {
			return attr{p.index, rest, value}, nil
		}
	}
	return a, fmt.Errorf("attribute %q: ext4 has none of this name", name)
}

// attrs puts a file's attributes into its inode as far as they fit, and the others into a
// block.
func (v *volume) attrs(n *Node, i *inode) error {
	var small, large []attr
	room := inodeRoom - attrEnd
	for _, name := range slices.Sorted(maps.Keys(n.Attrs)) {
		a, err := newAttr(name, n.Attrs[name])
		if err != nil {
			return err
		}
		if a.size() <= room {
			room -= a.size()
			small = append(small, a)
		} else {
			large = append(large, a)
		}
	}
	if len(small) > 0 {
		b := make([]byte, inodeRoom)
		putAttrs(b, 0, small)
		i.attrs = append(binary.LittleEndian.AppendUint32(nil, attrMagic), b...)
	}
	if len(large) == 0 {
		return nil
	}
	return v.attrBlock(large, i)
}

func (v *volume) attrBlock(list []attr, i *inode) error {
	size := blockHead + attrEnd
	for _, a := range list {
		size += a.size()
	}
	if size > blockSize {
		return fmt.Errorf("extended attributes of %d bytes: ext4 has room for %d", size, blockSize)
	}
	at, _, err := v.take(1)
	if err != nil {
		return err
	}
	b := make([]byte, blockSize)
	put32(b, attrMagic)
	put32(b[4:], 1) // users
	put32(b[8:], 1) // blocks
	put32(b[12:], putAttrs(b, blockHead, list))
	put32(b[16:], sum(sum(v.seed, binary.LittleEndian.AppendUint64(nil, uint64(at))), b)) // of the block with a zero here
	i.attrBlock = at
	i.blocks++
	return v.write(b, at)
}

// putAttrs writes entries from a place on, in ext4's order, and values before the end. It
// gives the hash of them all.
func putAttrs(b []byte, from int, list []attr) (all uint32) {
	slices.SortFunc(list, func(a, b attr) int {
		return cmp.Or(cmp.Compare(a.index, b.index), cmp.Compare(len(a.name), len(b.name)), cmp.Compare(a.name, b.name))
	})
	end := len(b)
	for _, a := range list {
		e := b[from:]
		e[0], e[1] = byte(len(a.name)), a.index
		if len(a.value) > 0 {
			end -= (len(a.value) + 3) &^ 3
			copy(b[end:], a.value)
			put16(e[2:], uint16(end))
		}
		put32(e[8:], uint32(len(a.value)))
		copy(e[attrHead:], a.name)
		hash := a.hash()
		put32(e[12:], hash)
		all = all<<valueHashed | all>>(32-valueHashed)
		all ^= hash
		from += attrHead + (len(a.name)+3)&^3
	}
	return all
}

// hash is e_hash, of name and value (fs/ext4/xattr.c, ext4_xattr_hash_entry).
func (a *attr) hash() (h uint32) {
	for i := range len(a.name) {
		h = h<<attrHashed ^ h>>(32-attrHashed) ^ uint32(a.name[i])
	}
	for value := a.value; len(value) > 0; value = value[min(4, len(value)):] {
		var word [4]byte
		copy(word[:], value)
		h = h<<valueHashed ^ h>>(32-valueHashed) ^ get32(word[:])
	}
	return h
}
