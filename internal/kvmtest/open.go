package kvmtest

import (
	"os"
	"testing"

	"terem/kvm"
)

// RequireVar names the environment variable that turns a skip into a failure; its value is then 1.
const RequireVar = "TEREM_REQUIRE_KVM"

// Open opens /dev/kvm for the length of a test. Where that fails, the test is skipped, or fails if
// RequireVar is set.
func Open(t testing.TB) *kvm.System {
	t.Helper()
	s, err := kvm.Open()
	if err != nil {
		if os.Getenv(RequireVar) == "1" {
			t.Fatalf("%s=1, but KVM cannot be used: %v", RequireVar, err)
		}
		t.Skipf("needs KVM: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}
