// Package acpipm is the fixed hardware of ACPI, as much of it as a guest needs to
// power itself off, to reset and to be asked to power off.
//
// The specification is ACPI 6.5, section 4.8.3 (fixed hardware registers).
//
// # Registers
//
//	off  size  R/W  name        what
//	---  ----  ---  ----------  ----------------------------------------------
//	 0    2    RW   PM1a_STS    events; a 1 written clears      (4.8.3.1.1)
//	 2    2    RW   PM1a_EN     which events raise the SCI      (4.8.3.1.2)
//	 4    2    RW   PM1a_CNT    sleep type and enable           (4.8.3.2.1)
//	 6    2    -                reads as 0
//	 8    4    R    PM_TMR      3.579545 MHz, 32 bits           (4.8.3.3)
//	12    1    W    RESET_REG   ResetValue resets               (4.8.3.6)
//	13    3    -                reads as 0
//
// The block is always in ACPI mode: the FADT has no SMI command port and SCI_EN
// reads as 1. Of the sleeping states there is S5, soft off, with SLP_TYP [S5]: that
// is what the DSDT's \_S5 must say. Of the events there is the power button. The
// timer's carry (TMR_STS) is not reported; Linux does not use it.
package acpipm
