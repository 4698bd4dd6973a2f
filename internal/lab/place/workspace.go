package place

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"terem/guest"
	"terem/internal/fault"
	"terem/internal/running"
)

// Workspace is what all places of one run share. It is used by one goroutine.
type Workspace struct {
	ID       string // in the name of everything that is made
	dir      string
	terem    string // path of this program
	reach    string // path of a program for attackers
	keeper   *keeper
	root     bool     // started by root
	noKVM    string   // why there is no virtual machine; empty: there is
	machines int      // so many were made
	based    bool     // the snapshot is there
	baseErr  error    // or cannot be made
	guest    *machine // for demonstrations: restored
	fresh    *machine // for those that want one which has just booted
	pool     pool
	port     int       // the last one that was given
	boxes    int       // so many containers of engines were made
	carried  []*engine // those that machines have as well
	undo     []func()  // before the files are taken away
	left     []error   // what could not be
}

// New makes a workspace in a directory of its own. The caller owes a Close.
func New(terem, cacheDir string) (*Workspace, error) {
	a, err := guest.FindInitrd(cacheDir)
	if err != nil {
		return nil, &fault.Error{Class: fault.Host, Thing: "the programs of victim and attacker", Err: err}
	}
	dir, err := os.MkdirTemp("", "terem-isolation-")
	if err != nil {
		return nil, &fault.Error{Class: fault.Host, Thing: "a directory for the lab", Err: err, Mend: "set TMPDIR"}
	}
	w := &Workspace{ID: "terem-lab-" + Token(), dir: dir, terem: terem, reach: a.Reach, keeper: newKeeper(), root: os.Getuid() == 0, noKVM: noKVM(cacheDir)}
	if err := errors.Join(notExecutable(dir), guest.ExtractRoot(a.Initrd, w.rootDir())); err != nil {
		return nil, errors.Join(&fault.Error{Class: fault.Host, Thing: dir, Err: err, Mend: "TMPDIR can name another place"}, w.Close())
	}
	return w, nil
}

// notExecutable refuses a file system from which no program may run.
func notExecutable(dir string) error {
	var st unix.Statfs_t
	if unix.Statfs(dir, &st) == nil && st.Flags&unix.ST_NOEXEC != 0 {
		return errors.New("no program may run from there (noexec)")
	}
	return nil
}

// noKVM says why there can be no virtual machine here.
func noKVM(cacheDir string) string {
	f, err := os.OpenFile("/dev/kvm", os.O_RDWR|syscall.O_CLOEXEC, 0)
	if err != nil {
		return "no KVM: /dev/kvm: " + fault.Reason(err).Error()
	}
	f.Close()
	if _, err := guest.FindKernel(cacheDir); err != nil {
		return "no guest to boot: " + err.Error()
	}
	return ""
}

// Token is a word that nobody else has.
func Token() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// Close takes away all that was made, and says what it could not. What runs still must have been stopped.
func (w *Workspace) Close() error {
	for _, m := range []*machine{w.guest, w.fresh} {
		if m != nil {
			m.kill()
		}
	}
	w.drain()
	for _, f := range w.undo {
		f()
	}
	w.leaves(w.groupsLeft())
	w.keeper.close()
	_, _ = running.List(running.Root()) // clears the names of machines that were killed
	return errors.Join(append(w.left, os.RemoveAll(w.dir))...)
}

// leaves notes what could not be taken away, for Close to say.
func (w *Workspace) leaves(err error) {
	if err != nil {
		w.left = append(w.left, err)
	}
}

func (w *Workspace) rootDir() string { return filepath.Join(w.dir, "root") }

// runs says whether a machine of that name can be spoken to. It does not look who holds the name: that clears names which nobody
// holds, and the machine may be about to take this one.
func (w *Workspace) runs(name string) bool {
	_, err := os.Stat(filepath.Join(running.Root(), name, running.ControlSocket))
	return err == nil
}

// run runs a command to its end.
func (w *Workspace) run(ctx context.Context, argv ...string) error {
	p, err := w.Start(argv)
	if err != nil {
		return err
	}
	said, err := p.Until(ctx, never)
	p.Stop()
	switch {
	case !errors.Is(err, ErrEnded):
		return err
	case !p.cmd.ProcessState.Success():
		return fmt.Errorf("%s: %s", filepath.Base(argv[0]), lastOf(said))
	}
	return nil
}
