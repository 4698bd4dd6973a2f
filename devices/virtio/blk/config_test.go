package blk

import (
	"encoding/hex"
	"strings"
	"testing"

	"terem/devices/virtio"
	"terem/devices/virtio/virtiotest"
)

func TestConfigSpace(t *testing.T) {
	d := attach(t, Config{
		Backend: newStore(1 << 20), WriteCache: true, Discard: true, Queues: 3, BlockSize: 1024,
		PhysicalBlockExp: 2, MinIO: 8, OptimalIO: 256,
	}, everything, virtiotest.Options{})
	want := strings.Join([]string{
		"0008000000000000",             // capacity
		"00000000",                     // size_max
		"7e000000",                     // seg_max
		"00000000",                     // geometry
		"00040000",                     // blk_size
		"02", "00", "0800", "00010000", // topology
		"01", "00", // writeback
		"0300",     // num_queues
		"00002000", // max_discard_sectors
		"10000000", // max_discard_seg
		"02000000", // discard_sector_alignment
		"00002000", // max_write_zeroes_sectors
		"10000000", // max_write_zeroes_seg
		"01000000", // write_zeroes_may_unmap
	}, "")
	expect(t, "configuration space", hex.EncodeToString(d.Config(0, configSize)), want)
}

// TestConfigWrites: of all the space, only one byte can be written.
func TestConfigWrites(t *testing.T) {
	d := attach(t, Config{Backend: newStore(1 << 20), WriteCache: true}, everything, virtiotest.Options{})
	before := d.Config(0, configSize)
	for off := range configSize {
		for _, n := range []int{1, 2, 4} {
			if off%n != 0 || off <= offWriteback && offWriteback < off+n {
				continue
			}
			d.WriteConfig(off, []byte{0xff, 0xff, 0xff, 0xff}[:n])
		}
	}
	expect(t, "configuration space", string(d.Config(0, configSize)), string(before))
	d.WriteConfig(offWriteback, []byte{0, 0, 0, 0})
	expect(t, "writeback", d.Config(offWriteback, 1)[0], 0)
}

func TestFeatures(t *testing.T) {
	const always = featureSegMax | featureBlkSize | featureTopology | featureMQ
	for _, tt := range []struct {
		name string
		c    Config
		want uint64
	}{
		{"plain", Config{}, always | featureWriteZeroes},
		{"cache", Config{WriteCache: true}, always | featureWriteZeroes | featureFlush | featureConfigWCE},
		{"discard", Config{Discard: true}, always | featureWriteZeroes | featureDiscard},
		{"read-only", Config{ReadOnly: true, WriteCache: true, Discard: true}, always | featureRO},
	} {
		tt.c.Backend = newStore(512)
		d, err := New(tt.c)
		if err != nil {
			t.Fatal(err)
		}
		info := d.Info()
		expect(t, tt.name, info.Features, tt.want)
		expect(t, "ID", info.ID, virtio.Block)
	}
}

// TestQueues: each queue works, and one that the driver leaves out is no harm.
func TestQueues(t *testing.T) {
	d := attach(t, Config{Backend: newStore(1 << 20), Queues: 4}, everything, virtiotest.Options{})
	for i := range 4 {
		d.q = d.Queue(i)
		expect(t, "write", d.write(uint64(i), pattern(byte(i), 512)), statusOK)
	}
	if err := d.Negotiate(d.Offered()); err != nil {
		t.Fatal(err)
	}
	d.q = d.NewQueue(2, 16)
	if err := d.q.Ready(); err != nil {
		t.Fatal(err)
	}
	if err := d.DriverOK(); err != nil {
		t.Fatal(err)
	}
	expect(t, "bytes", string(d.read(1, 512)), string(pattern(1, 512)))
}
