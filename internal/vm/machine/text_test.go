package machine

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"terem/devices/ctl"
	"terem/guest/cmdline"
	"terem/internal/fault"
	"terem/kvm"
	"terem/memory"
	"terem/vcpu"
)

func TestBytes(t *testing.T) {
	for n, want := range map[uint64]string{
		0: "0 bytes", 1: "1 bytes", 1023: "1023 bytes", 1024: "1 KiB", 1536: "1.5 KiB",
		128 << 20: "128 MiB", 5 << 30: "5 GiB", 1<<40 + 1<<39: "1.5 TiB", 1 << 60: "1 EiB",
		1<<64 - 1: "16 EiB", 25125838848: "23.4 GiB",
	} {
		if got := Bytes(n); got != want {
			t.Errorf("Bytes(%d) is %q, want %q", n, got, want)
		}
	}
}

func TestValidate(t *testing.T) {
	for _, tt := range []struct {
		memory uint64
		cpus   int
		want   string // in the error; empty: none
	}{
		{MinMemory, 1, ""},
		{128 << 20, 254, ""},
		{0, 1, "at least 2 MiB"},
		{MinMemory - 4096, 1, "at least 2 MiB"},
		{MinMemory + 1, 1, "multiple of 4 KiB"},
		{1<<64 - 1, 1, "multiple of 4 KiB"},
		{MinMemory, 0, "at least one"},
		{MinMemory, -3, "CPUs -3"},
	} {
		c := Config{Memory: tt.memory, CPUs: tt.cpus}
		err := c.validate()
		if tt.want == "" {
			if err != nil {
				t.Errorf("%d bytes, %d CPUs: %v", tt.memory, tt.cpus, err)
			}
			continue
		}
		var e *fault.Error
		if !errors.As(err, &e) || e.Class != fault.Usage || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%d bytes, %d CPUs: error %v, want %q", tt.memory, tt.cpus, err, tt.want)
		}
	}
}

func TestErrorText(t *testing.T) {
	for want, e := range map[string]*fault.Error{
		"kernel x":                                {Thing: "kernel x"},
		"kernel x: is text":                       {Thing: "kernel x", Cause: "is text"},
		"kernel x: is text; use another":          {Thing: "kernel x", Cause: "is text", Mend: "use another"},
		"kernel x: permission denied; sudo":       {Thing: "kernel x", Err: fs.ErrPermission, Mend: "sudo"},
		"kernel x: odd: permission denied; do so": {Thing: "kernel x", Cause: "odd", Err: fs.ErrPermission, Mend: "do so"},
	} {
		if e.Error() != want {
			t.Errorf("error %q, want %q", e.Error(), want)
		}
	}
	if !errors.Is(&fault.Error{Thing: "x", Err: fs.ErrPermission}, fs.ErrPermission) {
		t.Error("the cause is not wrapped")
	}
}

func TestOutcomes(t *testing.T) {
	failure := errors.New("no way")
	for _, tt := range []struct {
		end  vcpu.End
		want Outcome
		text string
	}{
		{vcpu.End{Reason: vcpu.Stopped}, Outcome{Kind: Killed}, "stopped"},
		{vcpu.End{Reason: vcpu.TripleFault}, Outcome{Kind: TripleFault}, "triple fault"},
		{vcpu.End{Reason: vcpu.ShutDown}, Outcome{Kind: PoweredOff}, "powered off"},
		{vcpu.End{Reason: vcpu.Reset}, Outcome{Kind: WasReset}, "reset"},
		{vcpu.End{Reason: vcpu.Crashed}, Outcome{Kind: Panicked}, "panicked"},
		{vcpu.End{Reason: vcpu.Failed, Err: failure}, Outcome{Kind: Broken, Err: failure}, "no way"},
	} {
		got := fromVCPU(tt.end)
		if got != tt.want || !strings.Contains(got.String(), tt.text) {
			t.Errorf("%v: outcome %v, want %v", tt.end, got, tt.want)
		}
	}
	seen := map[string]bool{}
	for k := Exited; k <= Broken; k++ {
		s := Outcome{Kind: k, Status: 3, Err: failure}.String()
		if seen[s] || strings.Contains(s, "\n") || k != Broken && strings.Contains(s, "cannot go on") {
			t.Errorf("kind %d says %q", k, s)
		}
		seen[s] = true
	}
}

// FuzzPanicWatch compares with strings.Contains, whatever the pieces.
func FuzzPanicWatch(f *testing.F) {
	f.Add("[ 1.0] Kernel panic - not syncing: VFS", uint(10))
	f.Add("Kernel panic -Kernel panic - not syncing", uint(3))
	f.Add("KKernel panic - not syncingK", uint(1))
	f.Add("Kernel panic - not syncin", uint(0))
	f.Fuzz(func(t *testing.T, text string, cut uint) {
		// Letters of the words make a match likely enough to be found.
		for _, text := range []string{text, strings.Repeat("K", int(cut%3)) + panicWords[:cut%uint(len(panicWords))] + text} {
			var out bytes.Buffer
			w := panicWatch{out: &out}
			i := min(int(cut%1000), len(text))
			for _, p := range []string{text[:i], text[i:]} {
				if n, err := w.Write([]byte(p)); n != len(p) || err != nil {
					t.Fatalf("Write: %d, %v", n, err)
				}
			}
			if got, want := w.state.seen.Load(), strings.Contains(text, panicWords); got != want {
				t.Errorf("%q: panic seen %v, want %v", text, got, want)
			}
			if out.String() != text {
				t.Errorf("%q was passed on as %q", text, out.String())
			}
		}
	})
}

func TestPanicWordsStartOnce(t *testing.T) {
	if strings.LastIndexByte(panicWords, panicWords[0]) != 0 {
		t.Error("the match of panicWatch relies on a first byte that does not come again")
	}
}

// TestEventPort: the port that the command line names to the default kernel is the one where a device takes its events.
func TestEventPort(t *testing.T) {
	if got, want := cmdline.EventPortWord(), fmt.Sprintf("vmm_port=%#x", memory.CtlPort+ctl.OffEvent); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestGenerationPage: the page that the command line names to the default kernel is the one of the layout.
func TestGenerationPage(t *testing.T) {
	if got, want := cmdline.GenerationWord(), fmt.Sprintf("vmm_generation=%#x", uint64(memory.Generation)); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestOldKVM takes one capability after the other away.
func TestOldKVM(t *testing.T) {
	for _, n := range kvm.Needs() {
		err := checkNeeds(func(c kvm.Capability) (int, error) {
			if c == n.Cap {
				return 0, nil
			}
			return 1, nil
		})
		if !n.Required {
			if err != nil {
				t.Errorf("without %s, which is optional: %v", n.Name, err)
			}
			continue
		}
		var e *fault.Error
		if !errors.As(err, &e) || e.Class != fault.Host || !strings.Contains(e.Thing, n.Name) || e.Mend == "" {
			t.Errorf("without %s: %v", n.Name, err)
		}
	}
}

func TestHostMemory(t *testing.T) {
	if n, err := hostMemory(); err != nil || n < MinMemory {
		t.Errorf("this host has %d bytes, %v", n, err)
	}
}
