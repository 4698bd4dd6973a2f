package tree

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"
)

func TestIdentity(t *testing.T) {
	user, root := own(1000, 100), own(0, 0)
	for _, tt := range []struct {
		who              identity
		uid, gid         uint32
		shownUID, shownG uint32
	}{
		{user, 1000, 100, 0, 0}, {user, 0, 0, overflow, overflow}, {user, 1000, 5, 0, overflow}, {root, 1000, 100, 1000, 100}, {root, 0, 0, 0, 0},
	} {
		if u, g := tt.who.shown(tt.uid, tt.gid); u != tt.shownUID || g != tt.shownG {
			t.Errorf("%+v: %d:%d is shown as %d:%d", tt.who, tt.uid, tt.gid, u, g)
		}
	}
	for _, tt := range []struct {
		who      identity
		uid, gid uint32
		u, g     int
		err      error
	}{
		{user, 0, 0, 1000, 100, nil}, {user, 0, unset, 1000, -1, nil}, {user, unset, 0, -1, 100, nil}, {user, 5, 0, 0, 0, unix.EPERM},
		{user, 0, 1000, 0, 0, unix.EPERM}, {user, 1000, 100, 0, 0, unix.EPERM}, {root, 5, 6, 5, 6, nil}, {root, unset, 6, -1, 6, nil},
	} {
		if u, g, err := tt.who.given(tt.uid, tt.gid); u != tt.u || g != tt.g || !errors.Is(err, tt.err) {
			t.Errorf("%+v: %d:%d is %d:%d, %v", tt.who, tt.uid, tt.gid, u, g, err)
		}
	}
}
