package doctor

import (
	"os"
	"runtime"
	"testing"
	"time"

	"terem/internal/kvmtest"
)

func TestTrial(t *testing.T) {
	sys := kvmtest.Open(t)
	first, err := try(sys)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v, %s", first, rate(first.speed))
	if first.speed < 1e4 {
		t.Errorf("%g instructions per second", first.speed)
	}
	open, goroutines := descriptors(t), runtime.NumGoroutine()
	again, err := try(sys)
	if err != nil || again.syscall != first.syscall || again.kernel != first.kernel {
		t.Errorf("the second time: %+v, %v; the first: %+v", again, err, first)
	}
	if n := descriptors(t); n != open {
		t.Errorf("%d descriptors are open, before it were %d", n, open)
	}
	for end := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > goroutines && time.Now().Before(end); {
		time.Sleep(time.Millisecond) // one that has been waited for may not have ended yet
	}
	if n := runtime.NumGoroutine(); n > goroutines {
		t.Errorf("%d goroutines, before it were %d", n, goroutines)
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	d, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(d)
}

// TestRunBoundsGuest holds that a guest that never halts is stopped.
func TestRunBoundsGuest(t *testing.T) {
	tr, err := newTrial(kvmtest.Open(t))
	t.Cleanup(func() {
		if err := tr.close(); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	tr.cpu.Bind()
	if err := tr.cpu.Kick(); err != nil {
		t.Fatal(err)
	}
	if took, err := tr.run([]byte{0xeb, 0xfe}); err == nil { // jmp .
		t.Errorf("halted after %v", took)
	}
}

// TestBackendBelievesMeasurement: what a guest shows goes before names.
func TestBackendBelievesMeasurement(t *testing.T) {
	tests := []struct {
		name  string
		in    Backend
		kind  Kind
		state State
		why   string
	}{
		{"hardware", Backend{Kind: VTx, Speed: 4e9}, VTx, OK, followsHardware},
		{"not measured", Backend{Kind: AMDV}, AMDV, OK, followsHardware},
		{"slow hardware", Backend{Kind: VTx, Speed: 1e6}, VTx, Warn, followsSlow},
		{"emulator", Backend{Kind: Software, Speed: 2e6}, Software, Warn, followsSoftware},
		{"software on the CPU", Backend{Kind: Software, Speed: 4e9}, Software, Warn, followsDirect},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := test.in
			b.judge()
			if b.Kind != test.kind || b.State != test.state || b.Why != test.why {
				t.Errorf("%+v", b)
			}
		})
	}
}
