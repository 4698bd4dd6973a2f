package content

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"
	"unicode/utf16"
)

// partitioned is an empty disk of 4 MiB with a table of two partitions.
func partitioned(guid bool) []byte {
	b := make([]byte, 4<<20)
	le := binary.LittleEndian
	b[510], b[511] = 0x55, 0xaa
	if !guid {
		for i, p := range [][2]uint32{{2048, 2048}, {4096, 4096}} {
			e := b[446+16*i:]
			e[4] = 0x83
			le.PutUint32(e[8:], p[0])
			le.PutUint32(e[12:], p[1])
		}
		return b
	}
	b[446+4] = 0xee
	h := b[512:]
	copy(h, "EFI PART")
	le.PutUint64(h[72:], 2)
	le.PutUint32(h[80:], 128)
	le.PutUint32(h[84:], 128)
	for i, p := range [][2]uint64{{2048, 4095}, {4096, 8191}} {
		e := b[1024+128*i:]
		e[0] = 1
		le.PutUint64(e[32:], p[0])
		le.PutUint64(e[40:], p[1])
		for k, u := range utf16.Encode([]rune("name\x1b[31m")) {
			le.PutUint16(e[56+2*k:], u)
		}
	}
	return b
}

func TestPartitions(t *testing.T) {
	for _, guid := range []bool{false, true} {
		b := partitioned(guid)
		copy(b[1<<20+82:], "FAT32   ")
		copy(b[1<<20+71:], "EFI        ")
		copy(b[2<<20:], "XFSB")
		c := Examine(bytes.NewReader(b), int64(len(b)))
		if len(c.Partitions) != 2 || c.FileSystem != nil {
			t.Fatalf("%+v", c)
		}
		p := c.Partitions
		if p[0].Offset != 1<<20 || p[0].Size != 1<<20 || p[0].FileSystem == nil || p[0].FileSystem.Type != "vfat" || p[0].FileSystem.Label != "EFI" {
			t.Errorf("%+v", p[0])
		}
		if p[1].Number != 2 || p[1].Offset != 2<<20 || p[1].Size != 2<<20 || p[1].FileSystem == nil || p[1].FileSystem.Type != "xfs" {
			t.Errorf("%+v", p[1])
		}
		if guid != (c.Table == "gpt") || guid && p[0].Name != "name?[31m" {
			t.Errorf("%q, name %q", c.Table, p[0].Name)
		}
	}
}

// TestBeyond: a partition that ends behind the disk is there, and marked.
func TestBeyond(t *testing.T) {
	for _, guid := range []bool{false, true} {
		b := partitioned(guid)[:3<<20]
		c := Examine(bytes.NewReader(b), int64(len(b)))
		if len(c.Partitions) != 2 || c.Partitions[0].Beyond || !c.Partitions[1].Beyond {
			t.Errorf("gpt %v: %+v", guid, c)
		}
	}
	b := partitioned(false)
	b[446] = 7 // no MBR has that
	if c := Examine(bytes.NewReader(b), int64(len(b))); c.Table != "" || len(c.Partitions) > 0 {
		t.Errorf("a boot sector of something else: %+v", c)
	}
}

func TestFileSystems(t *testing.T) {
	for _, m := range magics {
		b := make([]byte, 256<<10)
		copy(b[m.at:], m.magic)
		if m.label > 0 {
			copy(b[m.label:], "la\x07bel")
		}
		if m.uuid > 0 {
			b[m.uuid] = 0xab
		}
		fs := fileSystem(bytes.NewReader(b), 0)
		if fs == nil || m.name != "ext" && fs.Type != m.name || m.name == "ext" && fs.Type != "ext2" {
			t.Errorf("%s: %+v", m.name, fs)
			continue
		}
		if m.label > 0 && fs.Label != "la?bel" || m.uuid > 0 && fs.UUID != "ab000000-0000-0000-0000-000000000000" {
			t.Errorf("%s: %+v", m.name, fs)
		}
	}
}

func FuzzExamine(f *testing.F) {
	f.Add(partitioned(false)[:4096])
	f.Add(partitioned(true)[:4096])
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, size := range []int64{int64(len(b)), 1 << 40} {
			c := Examine(bytes.NewReader(b), size)
			for _, p := range c.Partitions {
				if p.Offset <= 0 || p.Size <= 0 || p.Beyond != (p.Offset > size-p.Size) {
					t.Errorf("a partition of %d bytes at %d on a disk of %d", p.Size, p.Offset, size)
				}
			}
			_ = fmt.Sprint(c.FileSystem)
		}
	})
}
