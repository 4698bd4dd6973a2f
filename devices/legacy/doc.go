// Package legacy has the ports that a PC's kernel pokes at without asking whether
// they are there, each with the answer that lets it go on.
//
//	port       type      what
//	---------  --------  -------------------------------------------------------
//	0x61       PortB     refresh and timer 2 outputs, which delay loops wait for
//	0x80 0xed  Delay     diagnostic code; written to pass a microsecond
//	0x92       Port92    A20 and fast reset
//	0xcf8-cff  PCIHost   configuration access to no PCI; reset control at 0xcf9
//
// The references are the IBM PS/2 Hardware Interface Technical Reference (ports
// 0x61 and 0x92), the PCI Local Bus Specification 3.0, section 3.2.2.3.2 (0xcf8),
// and Intel's ICH data sheets (0xcf9).
package legacy
