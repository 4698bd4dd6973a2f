package vcpu

import (
	"errors"
	"testing"

	"terem/kvm"
)

// TestPrepare: the function is called after each exit, before that is answered, and no more once it is done.
func TestPrepare(t *testing.T) {
	g := newGuest(t, outs, nil)
	const rounds = 3
	calls := 0 // of the vCPU's thread, until it is paused
	check(t, g.r.Prepare(func(*kvm.VCPU) (bool, error) {
		if seen := g.ports.seen(); seen != calls {
			t.Errorf("call %d comes after %d answers", calls, seen)
		}
		calls++
		return calls == rounds, nil
	}))
	check(t, g.r.Resume())
	if err := g.r.Prepare(nil); !errors.Is(err, ErrRunning) {
		t.Errorf("Prepare while running: %v, want ErrRunning", err)
	}
	eventually(t, "exits", func() bool { return g.ports.seen() > 2*rounds })
	check(t, g.r.Pause())
	if calls != rounds {
		t.Errorf("%d calls, want %d", calls, rounds)
	}
}

// TestPrepareFails: a guest that cannot be set up ends, and its exit is not answered.
func TestPrepareFails(t *testing.T) {
	g := newGuest(t, outs, nil)
	failure := errors.New("no way")
	check(t, g.r.Prepare(func(*kvm.VCPU) (bool, error) { return false, failure }))
	check(t, g.r.Resume())
	if e := g.r.Wait(); e.Reason != Failed || !errors.Is(e.Err, failure) || g.ports.seen() != 0 {
		t.Errorf("ended by %v (%v) after %d accesses", e.Reason, e.Err, g.ports.seen())
	}
}
