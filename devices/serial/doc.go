// Package serial is a 16550A UART, the serial port of a PC, as far as software can
// tell one from the other.
//
// The specification is the PC16550D data sheet of National Semiconductor; its
// section numbers are cited below. Where it leaves a choice, the code does what
// Linux's drivers/tty/serial/8250/8250_port.c expects to find.
//
// # Registers
//
//	off  DLAB  R/W  name  what
//	---  ----  ---  ----  ---------------------------------------------------
//	 0    0    R    RBR   next received character
//	 0    0    W    THR   character to send
//	 1    0    RW   IER   which of the four interrupt sources may interrupt
//	 0    1    RW   DLL   baud divisor, low byte   (stored, not used)
//	 1    1    RW   DLM   baud divisor, high byte  (stored, not used)
//	 2    -    R    IIR   the most urgent interrupt; FIFO state
//	 2    -    W    FCR   FIFO on and off, clear, receive trigger level
//	 3    -    RW   LCR   line format (stored, not used), DLAB
//	 4    -    RW   MCR   modem outputs, loopback
//	 5    -    R    LSR   line status
//	 6    -    R    MSR   modem inputs and their changes
//	 7    -    RW   SCR   a byte of memory
//
// Bit layouts are in regs.go.
//
// # What is different from the chip
//
// The line has no speed. A character written to THR is with the host's writer
// before the guest's OUT completes, so THR and the shift register always read as
// empty. The character timeout, four character times on the chip, is over at
// once: whatever waits in the receive FIFO below the trigger level is a timeout
// interrupt. There is no noise, so parity and framing errors do not occur, and the
// far end holds CTS, DSR and DCD up.
//
// # Input waits for the guest
//
// Nothing that the host sends is lost. [UART.Receive] delivers only while the
// guest says that it listens, by RTS, and has its port connected, by OUT2; both
// are off at reset. A Linux driver clears its FIFOs while it probes and opens the
// port, and raises RTS when it has done so: input that is sent before the guest
// has booted waits for that moment. A guest that sets "stty crtscts" lowers RTS
// whenever its own buffers fill up, so that even a fast sender loses nothing.
// A polling guest must write RTS|OUT2 (0x0a) to MCR before it can receive.
//
// # Input comes in portions
//
// An interrupt handler reads until the FIFO is empty. On the chip that is soon, since
// a character takes much longer to come than to be read; here the next one is there
// at once, and Linux would read on to the limits of its loops, 131,072 characters
// (PASS_LIMIT), while nothing else in the guest gets on. So the FIFO, once the guest
// has begun to read it, is filled again when the guest has seen its end: in IIR, or in
// LSR if the interrupt is off; or a millisecond after the last character was read, for
// drivers that look at neither.
//
// And after 256 characters the line rests, until it has been idle for three times as
// long as characters were waiting in the FIFO. What the handler reads is the smaller
// part of the work: Linux has to take each character through the terminal's layers, on
// behalf of threads that an interrupt keeps waiting, and drops input when 64 KiB are
// in between. Who types does not notice. [UART.ReceiveInvited] goes without rests.
//
// # Interrupts
//
// The interrupt line of an ISA card is an edge. The chip holds its output up while
// any enabled source is pending, which loses nothing as long as the handler reads
// on until IIR is clean. Here a pulse is sent each time that the set of pending
// sources changes and is not empty, which is an edge for each new source and one
// more where a served source leaves another behind; a driver that serves one
// source per interrupt gets on, and one that reads on sees at worst an empty IIR.
//
// Read uart.go first, then interrupt.go, receive.go and transmit.go.
package serial
