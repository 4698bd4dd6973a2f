package virtio

import (
	"encoding/binary"
	"sync/atomic"
)

// The registers of virtio-mmio, version 2 (virtio 1.2 section 4.2.2). All are 32 bits wide,
// little-endian, and take only aligned accesses of 4 bytes, but for the configuration space, which takes any.
//
//	off    name               R/W  what
//	-----  -----------------  ---  ----------------------------------------------------------------
//	0x000  MagicValue         R    "virt"
//	0x004  Version            R    2
//	0x008  DeviceID           R    what kind of device, see ID
//	0x00c  VendorID           R    "tere"
//	0x010  DeviceFeatures     R    32 offered feature bits, those that DeviceFeaturesSel selects
//	0x014  DeviceFeaturesSel  W    0: bits 0 to 31; 1: bits 32 to 63; others: none
//	0x020  DriverFeatures     W    32 accepted feature bits, those that DriverFeaturesSel selects
//	0x024  DriverFeaturesSel  W    likewise
//	0x030  QueueSel           W    the queue that the registers from 0x034 on are about
//	0x034  QueueNumMax        R    the most entries; 0: there is no such queue
//	0x038  QueueNum           W    how many entries the driver uses
//	0x044  QueueReady         RW   1: the addresses are set, the queue can be used
//	0x050  QueueNotify        W    the number of a queue that has requests; usually an ioeventfd
//	0x060  InterruptStatus    R    bit 0: used buffers; bit 1: configuration or status has changed
//	0x064  InterruptACK       W    the bits of InterruptStatus to clear
//	0x070  Status             RW   how far the driver is, see status.go; writing 0 resets
//	0x080  QueueDescLow       W    address of the descriptor table, low 32 bits
//	0x084  QueueDescHigh      W    and high 32 bits
//	0x090  QueueDriverLow     W    address of the available ring
//	0x094  QueueDriverHigh    W
//	0x0a0  QueueDeviceLow     W    address of the used ring
//	0x0a4  QueueDeviceHigh    W
//	0x0ac  SHMSel             W    selects a shared memory region
//	0x0b0  SHMLenLow          R    its length: all ones, there is none
//	0x0b4  SHMLenHigh         R
//	0x0b8  SHMBaseLow         R    its address: all ones, there is none
//	0x0bc  SHMBaseHigh        R
//	0x0c0  QueueReset         RW   0: RING_RESET is not offered
//	0x0fc  ConfigGeneration   R    changes with the configuration space
//	0x100  Config             RW   the configuration space of the device
//
// A register that can only be written reads as 0. Offsets that have no name read as 0 and ignore writes.
const (
	regMagicValue        = 0x000
	regVersion           = 0x004
	regDeviceID          = 0x008
	regVendorID          = 0x00c
	regDeviceFeatures    = 0x010
	regDeviceFeaturesSel = 0x014
	regDriverFeatures    = 0x020
	regDriverFeaturesSel = 0x024
	regQueueSel          = 0x030
	regQueueNumMax       = 0x034
	regQueueNum          = 0x038
	regQueueReady        = 0x044
	regQueueNotify       = 0x050
	regInterruptStatus   = 0x060
	regInterruptACK      = 0x064
	regStatus            = 0x070
	regQueueDescLow      = 0x080
	regQueueDescHigh     = 0x084
	regQueueDriverLow    = 0x090
	regQueueDriverHigh   = 0x094
	regQueueDeviceLow    = 0x0a0
	regQueueDeviceHigh   = 0x0a4
	regSHMLenLow         = 0x0b0
	regSHMLenHigh        = 0x0b4
	regSHMBaseLow        = 0x0b8
	regSHMBaseHigh       = 0x0bc
	regConfigGeneration  = 0x0fc
	regConfig            = 0x100
)

const (
	magicValue  = 0x74726976 // "virt"
	mmioVersion = 2
	vendorID    = 0x65726574 // "tere"

	noRegion = 0xffff_ffff
)

// Bits of InterruptStatus.
const (
	intUsed   = 1 << 0
	intConfig = 1 << 1
)

// RegisterSize is how many bytes of guest-physical address space a transport takes: one page.
const RegisterSize = 4096

// MaxConfigSize is the most bytes of configuration space that fit behind the registers.
const MaxConfigSize = RegisterSize - regConfig

// NotifyOffset and AckOffset are the two registers that an ioeventfd may serve: QueueNotify, with
// the queue's number as the value, and InterruptACK, with 1 as the value; see [MMIOConfig].
const (
	NotifyOffset = regQueueNotify
	AckOffset    = regInterruptACK
)

// registers is the page of registers as the guest reads it. It always holds what a read gives, so
// that a guest may read it without the transport's knowledge. Every access is atomic, 32 bits.
type registers struct{ page []byte }

func (r registers) load(off int) uint32     { return atomic.LoadUint32(wordAt(r.page, off)) }
func (r registers) store(off int, v uint32) { atomic.StoreUint32(wordAt(r.page, off), v) }
func (r registers) set(off int, v uint32)   { atomic.OrUint32(wordAt(r.page, off), v) }
func (r registers) clear(off int, v uint32) { atomic.AndUint32(wordAt(r.page, off), ^v) }

// read copies the page's bytes from off on, each aligned word in one piece. Behind the page there
// is nothing, and it reads as all ones.
func (r registers) read(off uint64, p []byte) {
	for len(p) > 0 {
		word := [4]byte{0xff, 0xff, 0xff, 0xff}
		if off < RegisterSize {
			binary.LittleEndian.PutUint32(word[:], r.load(int(off&^3)))
		}
		n := copy(p, word[off&3:])
		p, off = p[n:], off+uint64(n)
	}
}

// write replaces len(p) bytes from off on, an aligned offset, word by word.
func (r registers) write(off int, p []byte) {
	for ; len(p) > 0; off += 4 {
		var word [4]byte
		n := copy(word[:], p)
		r.store(off, binary.LittleEndian.Uint32(word[:]))
		p = p[n:]
	}
}
