// Package acpipm is the fixed hardware of ACPI, as much of it as a guest needs to
// power itself off and to be asked to.
//
// The specification is ACPI 6.5, section 4.8.3 (fixed hardware registers). Where the
// registers lie is for the FADT to say.
//
// # Registers
//
//	group    off  size  R/W  name      what
//	-------  ---  ----  ---  --------  ----------------------------------------------
//	Events    0    2    RW   PM1a_STS  events; a 1 written clears      (4.8.3.1.1)
//	          2    2    RW   PM1a_EN   which events raise the SCI      (4.8.3.1.2)
//	Control   0    2    RW   PM1a_CNT  sleep type and enable           (4.8.3.2.1)
//	Timer     0    4    R    PM_TMR    3.579545 MHz, 32 bits           (4.8.3.3)
//
// The block is always in ACPI mode: the FADT has no SMI command port and SCI_EN
// reads as 1. Of the sleeping states there is S5, soft off. Of the events there is the
// power button; the enable bits of the others hold what is written, and nothing comes of
// them. The timer's carry (TMR_STS) is not reported: a guest that wants to know of it
// finds the FADT's 32-bit flag, and 20 minutes between two.
//
// The SCI is a level-triggered line. It is high while an event is pending that is enabled,
// so that a guest whose interrupt controller masks the line hears of it later.
package acpipm
