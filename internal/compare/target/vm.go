package target

import (
	"context"
	"errors"
	"os"
	"strconv"

	"terem/guest"
	"terem/internal/compare/result"
	"terem/internal/compare/spawn"
)

// vm is a virtual machine of terem's, booted for each run.
type vm struct {
	none
	w *Workspace
}

func (*vm) About() About {
	return About{Name: "vm", Title: "terem VM, cold", Kind: result.VM, Slow: true,
		Note: "one virtual CPU; the root file system is the guest's initial RAM disk; O_DIRECT passes the guest's page cache, not the host's"}
}

// Find wants KVM and a guest.
func (*vm) Find(context.Context) (string, error) {
	f, err := os.OpenFile("/dev/kvm", os.O_RDWR, 0)
	if err != nil {
		return "", errors.New("no KVM: `terem doctor` says why")
	}
	f.Close()
	dir, err := guest.DefaultCacheDir()
	if err != nil {
		return "", err
	}
	a, err := guest.Find(dir)
	if err != nil {
		return "", err
	}
	return "Linux " + a.KernelVersion, nil
}

func (t *vm) Command(r Run) (spawn.Command, error) { return t.command(r) }

// command starts a machine with more flags.
func (t *vm) command(r Run, flags ...string) (spawn.Command, error) {
	argv := append([]string{t.w.Terem, "run", "--quiet", "--exits=json", "--memory", strconv.Itoa(Memory)}, flags...)
	if r.Data != "" {
		argv = append(argv, "--disk", r.Data+",ro", "--root", "none")
	}
	return spawn.Command{Argv: append(append(argv, "--"), r.argv("/dev/vda")...)}, nil
}

// warmVM is the same machine, which begins from a snapshot of one that has booted. The first run takes that snapshot.
type warmVM struct{ vm }

func (*warmVM) About() About {
	return About{Name: "vm-warm", Title: "terem VM, warm", Kind: result.VM,
		Note: "as the cold one, but it goes on from a snapshot of a guest that has booted: what starts is one program; all such machines share their memory until they write to it, and what their kernel drew while it booted"}
}

func (t *warmVM) Command(r Run) (spawn.Command, error) { return t.command(r, "--warm") }

// frozenVM is the same machine, which begins from a snapshot of one whose program stands at its first instruction. The first run of each
// program takes that snapshot.
type frozenVM struct{ vm }

func (*frozenVM) About() About {
	return About{Name: "vm-frozen", Title: "terem VM, frozen", Kind: result.VM,
		Note: "as the warm one, but its program has been executed, too, and stands at its first instruction: nothing starts; each command line has a snapshot of its own, and all machines of one have the same layout of addresses"}
}

func (t *frozenVM) Command(r Run) (spawn.Command, error) { return t.command(r, "--warm=program") }
