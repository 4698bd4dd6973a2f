package blk

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Feature bits, section 5.2.3.
const (
	featureSegMax      uint64 = 1 << 2  // seg_max is valid
	featureRO          uint64 = 1 << 5  // the disk cannot be written
	featureBlkSize     uint64 = 1 << 6  // blk_size is valid
	featureFlush       uint64 = 1 << 9  // FLUSH requests
	featureTopology    uint64 = 1 << 10 // the topology is valid
	featureConfigWCE   uint64 = 1 << 11 // the driver may switch the write cache
	featureMQ          uint64 = 1 << 12 // num_queues is valid
	featureDiscard     uint64 = 1 << 13 // DISCARD requests
	featureWriteZeroes uint64 = 1 << 14 // WRITE_ZEROES requests
)

// The configuration space, section 5.2.4, little-endian. Fields that are marked - read as 0: their
// features are not offered. Only writeback can be written.
//
//	off  size  field                     value
//	---  ----  ------------------------  -----------------------------------------------
//	 0   8     capacity                  in sectors of 512 bytes
//	 8   4     size_max                  -
//	12   4     seg_max                   the most buffers of data in a request
//	16   4     geometry                  -
//	20   4     blk_size                  logical block size in bytes
//	24   1     physical_block_exp        log2 of logical blocks in a physical one
//	25   1     alignment_offset          0: the first physical block begins with block 0
//	26   2     min_io_size               in logical blocks
//	28   4     opt_io_size               in logical blocks
//	32   1     writeback                 1: writes are stable after a flush; 0: at once
//	33   1     unused
//	34   2     num_queues
//	36   4     max_discard_sectors       in a segment
//	40   4     max_discard_seg           segments in a request
//	44   4     discard_sector_alignment  in sectors of 512 bytes
//	48   4     max_write_zeroes_sectors  in a segment
//	52   4     max_write_zeroes_seg      segments in a request
//	56   1     write_zeroes_may_unmap
//	57   3     unused
const (
	offCapacity       = 0
	offSegMax         = 12
	offBlkSize        = 20
	offPhysicalExp    = 24
	offMinIO          = 26
	offOptIO          = 28
	offWriteback      = 32
	offNumQueues      = 34
	offMaxDiscard     = 36
	offDiscardSegs    = 40
	offDiscardAlign   = 44
	offMaxZeroes      = 48
	offZeroesSegs     = 52
	offZeroesMayUnmap = 56
	configSize        = 60
)

const (
	sectorSize = 512
	idSize     = 20 // bytes of GET_ID

	// queueSize is the most entries of each queue. A request with indirect descriptors takes one.
	queueSize = 256

	// segMax is the most data buffers that a driver is told to put into one request: a half of
	// the queue, less header and status. With pages of 4 KiB that is 504 KiB.
	segMax = queueSize/2 - 2

	// maxSegments is the most ranges in one DISCARD or WRITE_ZEROES, maxRange the most sectors in
	// one of them, 1 GiB: what a host does in bounded time.
	maxSegments = 16
	maxRange    = 1 << 21

	maxBlockSize = 64 << 10
)

// MaxQueues is the most queues of a disk. With more vCPUs than queues, some share one.
const MaxQueues = 64

// Config is one disk.
type Config struct {
	Backend  Backend
	ReadOnly bool
	ID       string // what GET_ID gives: at most 20 bytes
	Queues   int    // request queues, one for each vCPU, at most MaxQueues; 0 is 1

	// WriteCache says that writes are stable only after a flush, which the driver is then offered,
	// along with a switch. Without it, each write is followed by a flush before it completes.
	WriteCache bool

	BlockSize uint32 // logical block size in bytes, a power of two from 512 on; 0 is 512

	// What the medium likes best; a driver is told of it and may heed it.
	PhysicalBlockExp uint8  // log2 of the number of logical blocks in a physical one
	MinIO            uint16 // smallest good request, in logical blocks; 0: not known
	OptimalIO        uint32 // best size of a request, in logical blocks; 0: not known

	Discard bool // the backend's Discard does something
}

// check gives what is wrong with c, and fills in what it leaves open.
func (c *Config) check() error {
	if c.BlockSize == 0 {
		c.BlockSize = sectorSize
	}
	if c.Queues == 0 {
		c.Queues = 1
	}
	switch {
	case c.Backend == nil:
		return errors.New("there is no backend")
	case c.BlockSize < sectorSize || c.BlockSize > maxBlockSize || c.BlockSize&(c.BlockSize-1) != 0:
		return fmt.Errorf("block size %d: want a power of two from %d to %d", c.BlockSize, sectorSize, maxBlockSize)
	case c.Backend.Size() < 0 || c.Backend.Size()%int64(c.BlockSize) != 0:
		return fmt.Errorf("size %d: want a multiple of the block size, %d bytes", c.Backend.Size(), c.BlockSize)
	case c.Queues < 1 || c.Queues > MaxQueues:
		return fmt.Errorf("%d queues: want 1 to %d", c.Queues, MaxQueues)
	case len(c.ID) > idSize:
		return fmt.Errorf("ID %q: want at most %d bytes", c.ID, idSize)
	}
	return nil
}

// features is what is offered.
func (c *Config) features() uint64 {
	f := featureSegMax | featureBlkSize | featureTopology | featureMQ
	if c.ReadOnly {
		return f | featureRO
	}
	f |= featureWriteZeroes
	if c.WriteCache {
		f |= featureFlush | featureConfigWCE
	}
	if c.Discard {
		f |= featureDiscard
	}
	return f
}

// ReadConfig gives the configuration space; see [virtio.Device].
func (d *Disk) ReadConfig(p []byte) {
	le := binary.LittleEndian
	var b [configSize]byte
	le.PutUint64(b[offCapacity:], uint64(d.size/sectorSize))
	le.PutUint32(b[offSegMax:], segMax)
	le.PutUint32(b[offBlkSize:], d.c.BlockSize)
	b[offPhysicalExp] = d.c.PhysicalBlockExp
	le.PutUint16(b[offMinIO:], d.c.MinIO)
	le.PutUint32(b[offOptIO:], d.c.OptimalIO)
	if d.writeback.Load() {
		b[offWriteback] = 1
	}
	le.PutUint16(b[offNumQueues:], uint16(d.c.Queues))
	if d.offered&featureDiscard != 0 {
		le.PutUint32(b[offMaxDiscard:], maxRange)
		le.PutUint32(b[offDiscardSegs:], maxSegments)
		le.PutUint32(b[offDiscardAlign:], d.c.BlockSize/sectorSize)
	}
	if d.offered&featureWriteZeroes != 0 {
		le.PutUint32(b[offMaxZeroes:], maxRange)
		le.PutUint32(b[offZeroesSegs:], maxSegments)
	}
	if d.c.Discard {
		b[offZeroesMayUnmap] = 1
	}
	copy(p, b[:])
}

// WriteConfig is a driver's write into the configuration space, of which only the byte that
// switches the write cache has an effect, for a driver that has a switch and something to switch.
func (d *Disk) WriteConfig(off uint64, p []byte) {
	const both = featureConfigWCE | featureFlush
	if off <= offWriteback && offWriteback-off < uint64(len(p)) && d.features.Load()&both == both {
		d.writeback.Store(p[offWriteback-off] != 0)
	}
}
