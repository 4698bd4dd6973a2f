package container

import "testing"

// TestCountsInside has releases as kernels give them. One that counts a user's processes outside must have no ceiling on them: all that
// he has running would be under it.
func TestCountsInside(t *testing.T) {
	for release, want := range map[string]bool{
		"5.13.19-2-generic": false, "5.4.0": false, "4.19.0-27-amd64": false, "": false, "x": false,
		"5.14.0-427.el9.x86_64": true, "5.15.0-rc1": true, "6.1.0-28-amd64": true, "6.12": true, "10.0.1": true,
	} {
		if got := countsInside(release); got != want {
			t.Errorf("%q: %v", release, got)
		}
	}
}
