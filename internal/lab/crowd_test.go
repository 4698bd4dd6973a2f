package lab

import "testing"

func TestCrowd(t *testing.T) {
	if n := running(); n < 1 { // this test runs
		t.Errorf("%d are running", n)
	}
	if n := newCrowd(true).others(); n < 0 {
		t.Errorf("%v", n)
	}
	if n := newCrowd(false).others(); n != 0 {
		t.Errorf("%v, and nobody looked", n)
	}
}
