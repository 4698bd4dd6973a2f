package i8042

// command takes a byte written to port 0x64 and reports whether it resets the
// machine. A command that needs a byte is left in s.Command for argument. mu is
// held.
func (c *Controller) command(v byte) (reset bool) {
	c.s.Status |= statusCommand
	c.s.Command = 0
	switch {
	case v >= cmdPulse:
		return v&outputReset == 0
	case v >= cmdReadRAM && v < cmdReadRAM+ramSize:
		c.answer(c.s.RAM[v-cmdReadRAM])
		return false
	case v >= cmdWriteRAM && v < cmdWriteRAM+ramSize:
		c.s.Command = v
		return false
	}
	switch v {
	case cmdWriteOutput, cmdPutKbd, cmdPutAux, cmdToAux:
		c.s.Command = v
	case cmdSelfTest:
		c.s.Status |= statusSystem
		c.s.RAM[0] |= configSystem
		c.answer(selfTestOK)
	case cmdKbdTest:
		c.answer(kbdOK)
	case cmdAuxTest:
		c.answer(auxStuck)
	case cmdReadInput:
		c.answer(inputUnlocked)
	case cmdReadOutput:
		c.answer(c.s.Output)
	case cmdTestInputs:
		c.answer(0)
	default:
		c.flip(v)
	}
	return false
}

// flip runs the commands that set or clear one bit; it ignores all others.
func (c *Controller) flip(v byte) {
	switch v {
	case cmdKbdOff:
		c.s.RAM[0] |= configKbdOff
	case cmdKbdOn:
		c.s.RAM[0] &^= configKbdOff
	case cmdAuxOff:
		c.s.RAM[0] |= configAuxOff
	case cmdAuxOn:
		c.s.RAM[0] &^= configAuxOff
	case cmdA20Off:
		c.s.Output &^= outputA20
	case cmdA20On:
		c.s.Output |= outputA20
	}
}

// argument takes a byte written to port 0x60: what the last command waits for, or
// else a byte for the keyboard. It reports whether to reset. mu is held.
func (c *Controller) argument(v byte) (reset bool) {
	cmd := c.s.Command
	c.s.Command = 0
	c.s.Status &^= statusCommand
	switch {
	case cmd >= cmdWriteRAM && cmd < cmdWriteRAM+ramSize:
		c.writeRAM(cmd-cmdWriteRAM, v)
	case cmd == cmdWriteOutput:
		c.s.Output = v
		return v&outputReset == 0
	case cmd == cmdPutKbd, cmd == cmdPutAux:
		c.answer(v)
	case cmd == cmdToAux:
	default:
		c.answer(kbdResend)
		c.s.Status |= statusTimeout
	}
	return false
}

// writeRAM stores a byte; the configuration's bit 7 is always 0, and its system
// bit is the one that the status shows.
func (c *Controller) writeRAM(i, v byte) {
	if i == 0 {
		v &= 0x7f
		c.s.Status = c.s.Status&^statusSystem | v&configSystem
	}
	c.s.RAM[i] = v
}

// answer fills the output buffer. What was in it is lost: a driver that gives a
// command wants that command's answer next.
func (c *Controller) answer(v byte) {
	c.s.Buffer = v
	c.s.Status = c.s.Status&^statusTimeout | statusFull
}
