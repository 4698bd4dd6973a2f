package serial

// Register offsets. An offset with two names depends on DLAB or on direction.
const (
	regData = 0 // RBR, THR; DLL with DLAB
	regIER  = 1 // IER; DLM with DLAB
	regIIR  = 2 // IIR, FCR
	regLCR  = 3
	regMCR  = 4
	regLSR  = 5
	regMSR  = 6
	regSCR  = 7
)

// Size is how many ports a UART takes on the bus.
const Size = 8

// IER, section 8.6: which sources may interrupt. Bits 4-7 are always 0; a driver
// tells a 16550A from its descendants by that.
//
//	bit  3        2            1          0
//	     modem    line status  THR empty  data received
const (
	ierData  = 1 << 0
	ierTHRE  = 1 << 1
	ierLine  = 1 << 2
	ierModem = 1 << 3
	ierMask  = 0x0f
)

// IIR, section 8.5, in order of urgency. Bits 6-7 are set while the FIFOs are on.
//
//	bits 3-0  source               cleared by
//	0110      line status          reading LSR
//	0100      trigger level        reading RBR below the level
//	1100      character timeout    reading RBR
//	0010      THR empty            reading this IIR, or writing THR
//	0000      modem status         reading MSR
//	0001      none
const (
	iirModem   = 0x00
	iirNone    = 0x01
	iirTHRE    = 0x02
	iirData    = 0x04
	iirLine    = 0x06
	iirTimeout = 0x0c
	iirFIFO    = 0xc0
)

// FCR, section 8.4, write only.
//
//	bits  7-6            5-4  3         2         1         0
//	      trigger level  -    DMA mode  clear TX  clear RX  FIFOs on
//
// Trigger levels are 1, 4, 8 and 14 characters. Writes with bit 0 clear reach no
// other bit; a change of bit 0 empties the FIFOs.
const (
	fcrEnable  = 1 << 0
	fcrClearRX = 1 << 1
	fcrStored  = 0xc9
)

// LCR, section 8.1. Only DLAB has a meaning here.
const lcrDLAB = 1 << 7

// MCR, section 8.7. Bits 5-7 are always 0.
//
//	bit  4     3     2     1    0
//	     loop  OUT2  OUT1  RTS  DTR
//
// On a PC, OUT2 connects the interrupt output to the bus.
const (
	mcrDTR  = 1 << 0
	mcrRTS  = 1 << 1
	mcrOUT1 = 1 << 2
	mcrOUT2 = 1 << 3
	mcrLoop = 1 << 4
	mcrMask = 0x1f
)

// LSR, section 8.3. Reading it clears bits 1-4 and 7.
//
//	bit  7              6           5          4      3-2  1        0
//	     error in FIFO  TX idle     THR empty  break  -    overrun  data ready
const (
	lsrData      = 1 << 0
	lsrOverrun   = 1 << 1
	lsrBreak     = 1 << 4
	lsrTHRE      = 1 << 5
	lsrTEMT      = 1 << 6
	lsrFIFOError = 1 << 7
)

// MSR, section 8.9. Reading it clears bits 0-3, which say what has changed.
//
//	bit  7    6   5    4    3     2     1     0
//	     DCD  RI  DSR  CTS  dDCD  RI-   dDSR  dCTS
const (
	msrDeltaCTS = 1 << 0
	msrDeltaDSR = 1 << 1
	msrEndRI    = 1 << 2 // RI fell; its rise is not noted
	msrDeltaDCD = 1 << 3
	msrDeltas   = 0x0f
	msrCTS      = 1 << 4
	msrDSR      = 1 << 5
	msrRI       = 1 << 6
	msrDCD      = 1 << 7
)

// fifoSize is the depth of either FIFO of a 16550A.
const fifoSize = 16
