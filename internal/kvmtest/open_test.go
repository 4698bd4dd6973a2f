package kvmtest

import "testing"

func TestOpen(t *testing.T) {
	if s := Open(t); s == nil {
		t.Fatal("Open returned nothing")
	}
}
