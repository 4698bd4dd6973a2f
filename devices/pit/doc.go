// Package pit stands in for the PC's interval timer, an Intel 8254, until a guest
// wants it.
//
// A kernel that knows its clocks does with the timer just one thing: it stops it. A
// kernel that does not know them measures them by it, or takes it for its tick. KVM
// has a whole 8254, and it is not free: a kernel thread for each machine, and on AMD-V
// no AVIC as long as it is there (arch/x86/kvm/i8254.c, APICV_INHIBIT_REASON_PIT_REINJ). So
// this package keeps what the guest writes, and when that makes a running
// counter, or the guest reads one, it calls for the true timer, which then has the ports.
//
// The reference is Intel's data sheet of the 82C54 (order number 231244).
//
//	port  off  R/W  what
//	----  ---  ---  ------------------------------------------------
//	0x40  0    R/W  counter 0: interrupt line 0
//	0x41  1    R/W  counter 1: refresh, on a PC of 1981
//	0x42  2    R/W  counter 2: speaker; its gate is port 0x61, bit 0
//	0x43  3    W    control word
//
//	control word  7-6     5-4                    3-1   0
//	              counter 0: latch the count     mode  BCD
//	                      1: low byte, 2: high,
//	                      3: low, then high
//	              3: read back, 5-1: what of which counters
//
// # Stopping it
//
// Linux stops counter 0 by mode 0, whose output stays low until a count has been
// written (0x30); since 6.11 it writes a count of zero in between, for timers that do
// not obey (drivers/clocksource/i8253.c, clockevent_i8253_disable). Neither calls for
// a timer. That a guest wants nothing but one interrupt after 65,536 turns, and has never used the
// timer before, is therefore not seen.
package pit
