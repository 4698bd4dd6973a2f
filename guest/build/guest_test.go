package build

import (
	"os"
	"testing"

	"terem/guest"
)

// TestDefaultGuest builds the guest into the cache, or finds it there. A build takes minutes, so it runs on
// demand only: TEREM_BUILD_GUEST=1 go test -run DefaultGuest -timeout 30m ./guest/build
func TestDefaultGuest(t *testing.T) {
	if os.Getenv("TEREM_BUILD_GUEST") == "" {
		t.Skip("TEREM_BUILD_GUEST is not set")
	}
	cache, err := guest.DefaultCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Initrd(t.Context(), cache, os.Stderr); err != nil {
		t.Fatal(err)
	}
	if _, err := Kernel(t.Context(), cache, os.Stderr); err != nil {
		t.Fatal(err)
	}
	a, err := guest.Find(cache)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", a)
}
