package container

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"terem/internal/fault"

	"github.com/opencontainers/cgroups"
	"golang.org/x/sys/unix"
)

// A container that is paused is one whose control group is frozen. In version 2 every group can be (cgroup.freeze). In version
// 1 there is a hierarchy for that (freezer-subsystem.rst): a group in it costs time, so it is made for the first pause, and
// the container's processes are moved into it. It is frozen before, so that nothing that is in it can make more of them.

const (
	freezeLimit = 10 * time.Second
	freezePause = time.Millisecond // between two looks
)

// Pause stops all processes of the container, until Resume. None can be started meanwhile.
func (k *Container) Pause() error {
	k.gate.Lock()
	defer k.gate.Unlock()
	if k.paused.Load() {
		return nil
	}
	dir, err := k.groups.freezer()
	if err == nil {
		k.paused.Store(true) // from here on a kill has to thaw
		err = k.freeze(dir)
	}
	if err == nil && k.killed.Load() {
		err = ErrEnded // and Kill may have been too early to thaw
	}
	if err == nil {
		return nil
	}
	if k.paused.Load() {
		err = errors.Join(err, k.thaw())
	}
	return &fault.Error{Class: fault.Host, Thing: "pause", Err: err}
}

// Resume lets them go on.
func (k *Container) Resume() error {
	k.gate.Lock()
	defer k.gate.Unlock()
	return k.thaw()
}

// Paused says whether it is paused.
func (k *Container) Paused() bool { return k.paused.Load() }

func (k *Container) thaw() error {
	if !k.paused.Load() {
		return nil
	}
	dir, err := k.groups.freezer()
	if err == nil {
		err = setFrozen(dir, false)
	}
	if err != nil {
		return &fault.Error{Class: fault.Host, Thing: "resume", Err: err}
	}
	k.paused.Store(false)
	return nil
}

// The files of a group that freezes.
const (
	freezeV2, eventsV2 = "cgroup.freeze", "cgroup.events"
	freezeV1           = "freezer.state"
)

// setFrozen asks for it; it takes the kernel a moment.
func setFrozen(dir string, frozen bool) error {
	name, value := freezeV1, "THAWED"
	if exists(dir, freezeV2) {
		name, value = freezeV2, "0"
	}
	if frozen {
		value = map[string]string{freezeV1: "FROZEN", freezeV2: "1"}[name]
	}
	return os.WriteFile(filepath.Join(dir, name), []byte(value), 0)
}

// isFrozen says whether all that is in a group stands still.
func isFrozen(dir string) (bool, error) {
	if state, err := os.ReadFile(filepath.Join(dir, freezeV1)); err == nil {
		return string(bytes.TrimSpace(state)) == "FROZEN", nil
	}
	events, err := os.ReadFile(filepath.Join(dir, eventsV2))
	return counted(events, "frozen") == 1, err
}

// freeze freezes the container's processes, and waits until they are.
func (k *Container) freeze(dir string) error {
	if err := setFrozen(dir, true); err != nil {
		return err
	}
	for end := time.Now().Add(freezeLimit); ; time.Sleep(freezePause) {
		moved, err := k.gather(dir)
		if err != nil {
			return err
		}
		still, err := isFrozen(dir)
		if err != nil || still && moved == 0 {
			return err
		}
		if time.Now().After(end) {
			return fmt.Errorf("its processes do not stand still within %v", freezeLimit)
		}
	}
}

// gather moves those into a group of version 1 that are not in it. While there was one, it can have made another.
func (k *Container) gather(dir string) (moved int, err error) {
	if !exists(dir, freezeV1) {
		return 0, nil // they are in it
	}
	list, err := k.processes()
	if err != nil {
		return 0, err
	}
	procs := filepath.Join(dir, "cgroup.procs")
	in, err := os.ReadFile(procs)
	if err != nil {
		return 0, err
	}
	there := map[string]bool{}
	for _, pid := range strings.Fields(string(in)) {
		there[pid] = true
	}
	for _, pid := range list {
		if n := strconv.Itoa(pid); !there[n] {
			moved++
			if err := os.WriteFile(procs, []byte(n), 0); err != nil && !errors.Is(err, unix.ESRCH) {
				return moved, err
			}
		}
	}
	return moved, nil
}

// freezer is the group that can be frozen.
func (g *groups) freezer() (dir string, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.gone:
		return "", ErrEnded
	case g.manager == nil:
		return "", errors.New("this container has no control groups, which it takes root to make")
	case g.dir != nil:
		return g.dir.Name(), nil
	case g.frozen == "":
		if g.frozen, err = makeFreezer(g.name); err != nil {
			g.frozen = ""
		}
	}
	return g.frozen, err
}

// makeFreezer makes a group in the hierarchy of version 1.
func makeFreezer(name string) (string, error) {
	parent, err := freezerParent()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(parent, name)
	for tries := 10; ; tries-- { // another terem takes the directory above away when it is empty
		if err := os.Mkdir(parent, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return "", err
		}
		err := os.Mkdir(dir, 0o755)
		if !errors.Is(err, fs.ErrNotExist) || tries == 0 {
			return dir, err
		}
	}
}

// freezerParent is the directory of such groups.
func freezerParent() (string, error) {
	mounts, err := cgroups.GetCgroupMounts(false)
	if err != nil {
		return "", err
	}
	own, err := cgroups.ParseCgroupFile("/proc/self/cgroup")
	if err != nil {
		return "", err
	}
	dir := ownGroup(mounts, own, "freezer")
	if dir == "" {
		return "", errors.New("there is no control group controller for it here: freezer")
	}
	return filepath.Join(dir, "terem"), nil
}
