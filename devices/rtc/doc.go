// Package rtc is the battery-backed clock and memory of a PC: a Motorola MC146818
// with 128 bytes of RAM, of which firmware and kernels agreed on the rest.
//
// # Ports
//
//	off  port  R/W  what
//	---  ----  ---  -----------------------------------------------------
//	 0   0x70   W   index, bits 6-0; bit 7 masks NMI on a PC and is dropped
//	 1   0x71   RW  the byte at the index
//
// # Memory
//
//	index        what
//	-----------  --------------------------------------------------------
//	00 02 04     seconds, minutes, hours
//	01 03 05     their alarms             (stored; the alarm never rings)
//	06           day of the week, 1 is Sunday     (follows from the date)
//	07 08 09     day, month, year of the century
//	0a           A: update in progress; divider, rate            (stored)
//	0b           B: SET, interrupt enables, binary, 24 hours
//	0c           C: interrupt flags                            (always 0)
//	0d           D: 0x80, the battery is good
//	15-16        KiB below 640 KiB
//	17-18 30-31  KiB above 1 MiB, at most 64 MiB less one
//	32           century
//	34-35        64 KiB blocks above 16 MiB and below 4 GiB
//	5b-5d        64 KiB blocks above 4 GiB
//	others       stored
//
// The guest's clock is the host's, in UTC, plus an offset that the guest sets when
// it writes the time. There is no interrupt: the periodic, alarm and update-ended
// flags of C are never set, as in a machine where IRQ 8 is not wired.
package rtc
