package i8042

import (
	"testing"

	"terem/devices/devicetest"
)

// driver plays the guest.
type driver struct {
	*Controller
	resets devicetest.Calls
}

func newDriver() *driver {
	d := &driver{}
	d.Controller = New(d.resets.Call)
	return d
}

func (d *driver) status() byte     { return devicetest.In(d.Port(), 0) }
func (d *driver) cmd(v byte)       { devicetest.Out(d.Port(), 0, v) }
func (d *driver) read() byte       { return devicetest.In(d.Data(), 0) }
func (d *driver) send(v byte)      { devicetest.Out(d.Data(), 0, v) }
func (d *driver) full() bool       { return d.status()&statusFull != 0 }
func (d *driver) config() byte     { d.cmd(cmdReadRAM); return d.read() }
func (d *driver) setConfig(v byte) { d.cmd(cmdWriteRAM); d.send(v) }

func TestCommandsAnswer(t *testing.T) {
	tests := []struct {
		name string
		cmd  byte
		want byte
	}{
		{"self-test", 0xaa, 0x55},
		{"keyboard test", 0xab, 0x00},
		{"aux test", 0xa9, 0x01},
		{"configuration", 0x20, 0x34},
		{"RAM", 0x3f, 0x00},
		{"input port", 0xc0, 0x80},
		{"output port", 0xd0, 0x03},
		{"test inputs", 0xe0, 0x00},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := newDriver()
			d.cmd(tt.cmd)
			if !d.full() {
				t.Fatal("no answer")
			}
			if got := d.read(); got != tt.want {
				t.Errorf("answer %#x, want %#x", got, tt.want)
			}
			if d.full() {
				t.Error("the output buffer is still full")
			}
		})
	}
}

func TestReset(t *testing.T) {
	for v := range 256 {
		d := newDriver()
		d.cmd(byte(v))
		want := 0
		if v >= 0xf0 && v&1 == 0 {
			want = 1
		}
		if got := d.resets.Take(); got != want {
			t.Errorf("command %#x: %d resets, want %d", v, got, want)
		}
	}
	d := newDriver()
	d.cmd(0xd1)
	d.send(0x03)
	if d.resets.Take() != 0 {
		t.Error("the output port with its reset line high resets")
	}
	d.cmd(0xd1)
	d.send(0x02)
	if d.resets.Take() != 1 {
		t.Error("the output port with its reset line low does not reset")
	}
}

func TestA20(t *testing.T) {
	d := newDriver()
	for _, s := range []struct{ cmd, want byte }{{0xdd, 0x01}, {0xdf, 0x03}} {
		d.cmd(s.cmd)
		d.cmd(0xd0)
		if got := d.read(); got != s.want {
			t.Errorf("output port %#x after %#x, want %#x", got, s.cmd, s.want)
		}
	}
}

func TestConfiguration(t *testing.T) {
	d := newDriver()
	d.setConfig(0xff)
	if got := d.config(); got != 0x7f {
		t.Errorf("configuration %#x, want 0x7f", got)
	}
	d.setConfig(0)
	if d.status()&statusSystem != 0 {
		t.Error("the system flag does not follow the configuration")
	}
	for _, s := range []struct{ cmd, want byte }{{0xad, 0x10}, {0xa7, 0x30}, {0xae, 0x20}, {0xa8, 0}} {
		d.cmd(s.cmd)
		if got := d.config(); got != s.want {
			t.Errorf("configuration %#x after %#x, want %#x", got, s.cmd, s.want)
		}
	}
	d.cmd(0x7f)
	d.send(0x42)
	d.cmd(0x3f)
	if got := d.read(); got != 0x42 {
		t.Errorf("RAM byte 31 is %#x, want 0x42", got)
	}
}

func TestACommandCancelsTheOneThatWaits(t *testing.T) {
	d := newDriver()
	d.cmd(cmdWriteOutput)
	d.cmd(cmdKbdOn)
	d.send(0) // for the keyboard; as the output port it would reset
	if d.resets.Take() != 0 || d.Save().Output != 3 {
		t.Error("a byte for the keyboard went to the output port")
	}
}

// TestLinuxProbe takes the steps of drivers/input/serio/i8042.c: flush, self-test,
// configuration, and the test for an auxiliary port, which must fail at once.
func TestLinuxProbe(t *testing.T) {
	d := newDriver()
	for i := 0; d.full(); i++ { // i8042_flush
		if i == 16 {
			t.Fatal("the output buffer does not drain")
		}
		d.read()
	}
	d.cmd(cmdSelfTest) // i8042_controller_selftest
	if got := d.read(); got != selfTestOK {
		t.Fatalf("self-test %#x", got)
	}
	if a, b := d.config(), d.config(); a != b { // i8042_controller_init
		t.Fatalf("configuration reads %#x, then %#x", a, b)
	}
	d.cmd(cmdPutAux) // i8042_check_aux: AUX_LOOP, then AUX_TEST
	d.send(0x5a)
	const auxData = 1 << 5
	if s := d.status(); s&statusFull == 0 || s&auxData != 0 {
		t.Errorf("status %#x after aux loop, want a full buffer that is not aux's", s)
	}
	d.read()
	d.cmd(cmdAuxTest)
	if got := d.read(); got == 0 || got == 0xfa || got == 0xff {
		t.Errorf("aux test %#x passes", got)
	}
	d.send(0xf2) // atkbd: who are you?
	if s := d.status(); s&statusTimeout == 0 {
		t.Errorf("status %#x for an absent keyboard, want a time-out", s)
	}
	if d.config() == kbdResend {
		t.Error("the keyboard's time-out hides a command's answer")
	}
	d.cmd(cmdToAux)
	d.send(0xff)
	if d.full() {
		t.Error("an absent mouse answers")
	}
}

func TestSaveRestore(t *testing.T) {
	a, b := newDriver(), newDriver()
	a.setConfig(0x47)
	a.cmd(cmdWriteRAM + 3) // waits for its byte
	b.Restore(a.Save())
	b.send(0x99)
	b.cmd(cmdReadRAM + 3)
	if got := b.read(); got != 0x99 {
		t.Errorf("RAM %#x after Restore, want 0x99", got)
	}
	b.Restore(State{RAM: [ramSize]byte{0xff}, Status: 0xff})
	if s := b.status(); s&0x82 != 0 {
		t.Errorf("status %#x has bits that no controller sets", s)
	}
}

func FuzzController(f *testing.F) {
	f.Add([]byte{1, 1, 0xaa, 0, 0, 0, 1, 1, 0xfe})
	f.Fuzz(func(t *testing.T, ops []byte) {
		d := newDriver()
		for ; len(ops) >= 4; ops = ops[3:] {
			dev := d.Data()
			if ops[1]&1 != 0 {
				dev = d.Port()
			}
			devicetest.Poke(dev, 1, ops[:3])
			if s := d.status(); s&0x82 != 0 {
				t.Fatalf("status %#x: busy, or a parity error", s)
			}
		}
		s := d.Save()
		d.Restore(s)
		if d.Save() != s {
			t.Fatal("Restore changes a state of its own making")
		}
	})
}
