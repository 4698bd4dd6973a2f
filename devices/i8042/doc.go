// Package i8042 is the PC's keyboard controller with nothing plugged in. It is
// here because it is how a PC is reset: a kernel that reboots writes 0xFE to port
// 0x64 (Linux: reboot=k, the default without ACPI).
//
// The reference is the IBM PS/2 Hardware Interface Technical Reference, keyboard
// and auxiliary device controller.
//
// # Ports
//
//	port  device           R/W  what
//	----  ---------------  ---  ---------------------------------------------
//	0x60  Controller.Data  R    output buffer: the controller's answer
//	0x60  Controller.Data  W    a command's argument, or a byte for the keyboard
//	0x64  Controller.Port  R    status
//	0x64  Controller.Port  W    command
//
// # Commands
//
//	20-3f  read RAM; byte 0 is the configuration   answers
//	60-7f  write RAM                               takes a byte
//	a7 a8  disable, enable the auxiliary port
//	a9     test the auxiliary port                 answers 01: there is none
//	aa     self-test                               answers 55
//	ab     test the keyboard port                  answers 00
//	ad ae  disable, enable the keyboard port
//	c0     read the input port                     answers
//	d0     read the output port                    answers
//	d1     write the output port                   takes a byte; bit 0 clear resets
//	d2 d3  put a byte into the output buffer       takes a byte, answers it
//	d4     byte for the auxiliary device           takes a byte, drops it
//	dd df  A20 off, on
//	e0     read the test inputs                    answers 00
//	f0-ff  pulse output lines; bit 0 clear resets
//
// Gate A20 is stored and shown and has no effect: no guest of today runs with it
// off.
//
// # Probing it is quick
//
// A driver is never left to wait. The controller is never busy (IBF is always
// clear) and each command has answered when its OUT completes. There is no
// interrupt; a byte for the keyboard is answered by a time-out, as on a PC without
// one. The auxiliary port fails its loopback test (the byte of d3 comes back
// without the AUX mark), so Linux does not wait for a mouse.
package i8042
