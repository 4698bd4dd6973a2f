package snapshot

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"terem/memory"
)

// TestCommitFails makes one system call of Commit's fail. Nothing of the new snapshot is left, and the old one, if there was
// one, is as it was.
func TestCommitFails(t *testing.T) {
	any := func(*Writer) *os.File { return nil }
	for _, c := range []struct {
		name  string
		nr    uintptr
		file  func(w *Writer) *os.File // the call's first argument; nil: any
		errno unix.Errno
		words string
	}{
		{"sync memory", unix.SYS_FSYNC, func(w *Writer) *os.File { return w.memory }, unix.EIO, "input/output error"},
		{"sync directory", unix.SYS_FSYNC, func(w *Writer) *os.File { return w.in }, unix.ENOSPC, "no space left on device; make room"},
		{"sync parent", unix.SYS_FSYNC, func(w *Writer) *os.File { return w.parent }, unix.EIO, "input/output error"},
		{"open state", unix.SYS_OPENAT, func(w *Writer) *os.File { return w.in }, unix.EDQUOT, "disk quota exceeded; make room"},
		{"rename", unix.SYS_RENAMEAT2, any, unix.EACCES, "permission denied; name one in a directory that you may write to"},
	} {
		for _, old := range []bool{false, true} {
			top := t.TempDir()
			dir := filepath.Join(top, "snap")
			g := newGuest(t, memory.PageSize)
			before := ""
			if old {
				take(t, dir, false, g, someState())
				before = "snap"
			}
			w, err := Create(dir, true)
			mustDo(t, err, w.Memory(t.Context(), g))
			fd := anyFile
			if f := c.file(w); f != nil {
				fd = int(f.Fd())
			}
			refusing(t, c.nr, fd, c.errno, func() { err = w.Commit(State{Machine: json.RawMessage("2")}) })
			wantLine(t, err, "make snapshot "+dir+": ", c.words)
			if got := names(t, top); got != before {
				t.Errorf("%s: there is %q, want %q", c.name, got, before)
			}
			if old {
				if s := mustOpen(t, dir); string(s.Machine) != string(someState().Machine) {
					t.Errorf("%s: the old snapshot is of machine %s", c.name, s.Machine)
				}
			}
		}
	}
}

// TestNoExchange has a file system that only knows the rename of old: a new snapshot can be made there, an old one is not
// replaced.
func TestNoExchange(t *testing.T) {
	for _, errno := range []unix.Errno{unix.EINVAL, unix.ENOSYS} {
		top := t.TempDir()
		dir := filepath.Join(top, "snap")
		g := newGuest(t, memory.PageSize)
		var errs [2]error
		for i := range errs {
			w, err := Create(dir, true)
			mustDo(t, err, w.Memory(t.Context(), g))
			refusing(t, unix.SYS_RENAMEAT2, anyFile, errno, func() { errs[i] = w.Commit(someState()) })
		}
		mustDo(t, errs[0])
		wantLine(t, errs[1], "cannot put one directory in the place of another in one step; remove it first, or name another")
		if got := names(t, top); got != "snap" {
			t.Errorf("left: %s", got)
		}
		mustDo(t, mustOpen(t, dir).Verify(t.Context()))
	}
}

// TestOldStays: that the old snapshot could not be removed is no fault of the new one. The next writer tries again.
func TestOldStays(t *testing.T) {
	top := t.TempDir()
	dir := filepath.Join(top, "snap")
	g := newGuest(t, memory.PageSize)
	take(t, dir, false, g, someState())
	w, err := Create(dir, true)
	mustDo(t, err, w.Memory(t.Context(), g))
	refusing(t, unix.SYS_UNLINKAT, anyFile, unix.EPERM, func() { err = w.Commit(State{Machine: json.RawMessage("2")}) })
	if s := mustOpen(t, dir); err != nil || string(s.Machine) != "2" {
		t.Errorf("%v, machine %s", err, s.Machine)
	}
	if entries, err := os.ReadDir(top); err != nil || len(entries) != 2 {
		t.Errorf("there is %s", names(t, top))
	}
	take(t, dir, true, g, someState())
	if got := names(t, top); got != "snap" {
		t.Errorf("left: %s", got)
	}
}
