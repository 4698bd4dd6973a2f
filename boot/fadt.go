package boot

import (
	"encoding/binary"

	"terem/memory"
)

// Where things lie in the FADT (ACPI 6.5 table 5.9), as far as they are not zero. A legacy field and
// its 64-bit successor say the same.
//
//	36  FIRMWARE_CTRL                        the FACS; its 64-bit form stays zero, as only one may be set
//	40  DSDT, 140 X_DSDT
//	46  SCI_INT                              the line of ACPI events
//	48  SMI_CMD                              0: ACPI mode is always on
//	56  PM1a_EVT_BLK, 148 X_PM1a_EVT_BLK     event status and enable
//	64  PM1a_CNT_BLK, 172 X_PM1a_CNT_BLK     sleep control
//	76  PM_TMR_BLK, 208 X_PM_TMR_BLK         the 3.58 MHz timer
//	108 CENTURY                              its byte in CMOS RAM
//	109 IAPC_BOOT_ARCH                       which legacy devices there are
//	112 Flags
//	116 RESET_REG, 128 RESET_VALUE
const (
	fadtLen      = 276
	fadtRevision = 6
	fadtMinor    = 5

	fadtFACS        = 36
	fadtDSDT        = 40
	fadtSCI         = 46
	fadtPM1Event    = 56
	fadtPM1Control  = 64
	fadtPMTimer     = 76
	fadtPM1EventLen = 88
	fadtPM1CtlLen   = 89
	fadtPMTimerLen  = 91
	fadtC2Latency   = 96
	fadtC3Latency   = 98
	fadtCentury     = 108
	fadtBootArch    = 109
	fadtFlags       = 112
	fadtReset       = 116
	fadtResetValue  = 128
	fadtMinorAt     = 131
	fadtXDSDT       = 140
	fadtXPM1Event   = 148
	fadtXPM1Control = 172
	fadtXPMTimer    = 208
	fadtHypervisor  = 268
)

// Flags (table 5.10) and boot architecture flags (table 5.11).
const (
	fadtWBINVD     = 1 << 0
	fadtProcC1     = 1 << 2
	fadtSleepNone  = 1 << 5  // no sleep button among the fixed events
	fadtRTCNone    = 1 << 6  // nor a wake-up by the clock
	fadtTimer32    = 1 << 8  // the timer has 32 bits, not 24
	fadtResetReg   = 1 << 10 // RESET_REG works
	bootLegacy     = 1 << 0  // devices at their ISA addresses
	boot8042       = 1 << 1
	bootNoVGA      = 1 << 2
	noC2           = 101  // microseconds: beyond what counts as support
	noC3           = 1001 // likewise
	hypervisorName = "terem"
)

// fadt is the fixed description table: the registers for power-off and reset. What they do is in
// package devices/acpipm; the power button is one of the fixed events by default.
func fadt(dsdt memory.Addr) []byte {
	f := make([]byte, fadtLen)
	le := binary.LittleEndian
	le.PutUint32(f[fadtFACS:], uint32(memory.FACS))
	le.PutUint32(f[fadtDSDT:], uint32(dsdt))
	le.PutUint64(f[fadtXDSDT:], uint64(dsdt))
	le.PutUint16(f[fadtSCI:], memory.SCIGSI)
	for _, b := range [...]struct {
		at, lenAt, xAt int
		port           uint32
		ports          byte
	}{
		{fadtPM1Event, fadtPM1EventLen, fadtXPM1Event, memory.PM1EventPort, memory.PM1EventPorts},
		{fadtPM1Control, fadtPM1CtlLen, fadtXPM1Control, memory.PM1ControlPort, memory.PM1ControlPorts},
		{fadtPMTimer, fadtPMTimerLen, fadtXPMTimer, memory.PMTimerPort, memory.PMTimerPorts},
	} {
		le.PutUint32(f[b.at:], b.port)
		f[b.lenAt] = b.ports
		copy(f[b.xAt:], portRegister(b.port, b.ports))
	}
	le.PutUint16(f[fadtC2Latency:], noC2)
	le.PutUint16(f[fadtC3Latency:], noC3)
	f[fadtCentury] = memory.CMOSCentury
	le.PutUint16(f[fadtBootArch:], bootLegacy|boot8042|bootNoVGA)
	le.PutUint32(f[fadtFlags:], fadtWBINVD|fadtProcC1|fadtSleepNone|fadtRTCNone|fadtTimer32|fadtResetReg)
	copy(f[fadtReset:], portRegister(memory.ResetPort, 1))
	f[fadtResetValue] = memory.ResetValue
	f[fadtMinorAt] = fadtMinor
	copy(f[fadtHypervisor:], hypervisorName)
	return acpiTable("FACP", fadtRevision, f[acpiHeaderLen:])
}

// portRegister is a generic address structure for n I/O ports (table 5.1):
//
//	0 address space: 1 = I/O   1 width in bits   2 bit offset   3 access size: 1, 2, 3 = 8, 16, 32 bits
//	4 address
//
// A timer is accessed by 32 bits, all else by what fits its halves: an event block has two.
func portRegister(port uint32, n byte) []byte {
	const spaceIO, access8, access16, access32 = 1, 1, 2, 3
	access := byte(access16)
	switch {
	case n == 1:
		access = access8
	case port == memory.PMTimerPort:
		access = access32
	}
	b := []byte{spaceIO, n * 8, 0, access}
	return binary.LittleEndian.AppendUint64(b, uint64(port))
}
