package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/sys/unix"
)

// namespaces are those that programs get of their own. There is no user namespace: root is root, as far as
// dropRights leaves it so.
const namespaces = unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS | unix.CLONE_NEWNET

// treeDir is where the programs are, for them and in the guest.
const treeDir = "/t"

// sandbox makes root the root directory of this mount namespace, with what the programs need mounted, and with
// nothing that belongs to the whole machine to be written. tree has the programs. An empty root is what there is:
// in the guest, where the programs are in place.
func sandbox(root, tree string) error {
	m := mounter{root: root}
	m.mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
	if root != "" {
		m.mount(root, root, "", unix.MS_BIND, "")
		m.mount(tree, root+treeDir, "", unix.MS_BIND, "")
		m.readOnly(root + treeDir)
	}
	m.mount("proc", root+"/proc", "proc", 0, "")
	m.mount(root+"/proc/sys", root+"/proc/sys", "", unix.MS_BIND, "")
	m.readOnly(root + "/proc/sys")
	m.mount("sysfs", root+"/sys", "sysfs", unix.MS_RDONLY, "")
	m.mount("tmpfs", root+"/tmp", "tmpfs", 0, "mode=1777,size=64m")
	m.devices()
	if root != "" {
		m.readOnly(root)
		m.enter()
	}
	return m.err
}

// mounter remembers the first error.
type mounter struct {
	root string
	err  error
}

func (m *mounter) do(what string, f func() error) {
	if m.err != nil {
		return
	}
	if err := f(); err != nil {
		m.err = fmt.Errorf("sandbox: %s: %w", what, err)
	}
}

func (m *mounter) mount(source, target, kind string, flags uintptr, data string) {
	m.do("mount "+target, func() error { return unix.Mount(source, target, kind, flags, data) })
}

func (m *mounter) readOnly(target string) {
	m.mount("", target, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, "")
}

// devices makes a /dev with what every program may expect, no more (admin-guide/devices.txt: the numbers).
func (m *mounter) devices() {
	dev := m.root + "/dev"
	m.mount("tmpfs", dev, "tmpfs", 0, "mode=755,size=1m")
	for name, number := range map[string]uint64{
		"null": unix.Mkdev(1, 3), "zero": unix.Mkdev(1, 5), "full": unix.Mkdev(1, 7),
		"random": unix.Mkdev(1, 8), "urandom": unix.Mkdev(1, 9), "tty": unix.Mkdev(5, 0),
	} {
		path := filepath.Join(dev, name)
		m.do("make "+path, func() error {
			return errors.Join(unix.Mknod(path, unix.S_IFCHR|0o666, int(number)), os.Chmod(path, 0o666))
		})
	}
	for _, dir := range []string{"pts", "shm", "mqueue"} {
		m.do("make /dev/"+dir, func() error { return os.Mkdir(filepath.Join(dev, dir), 0o755) })
	}
	m.mount("devpts", dev+"/pts", "devpts", 0, "newinstance,ptmxmode=0666,mode=0620")
	m.mount("tmpfs", dev+"/shm", "tmpfs", 0, "mode=1777,size=64m")
	m.mount("mqueue", dev+"/mqueue", "mqueue", 0, "")
	m.do("link /dev/ptmx", func() error { return os.Symlink("pts/ptmx", dev+"/ptmx") })
}

// enter moves the root to where the namespace's is. Unlike pivot_root(2) this also works on an initramfs, and the
// programs count as not confined by chroot(2), so that they may make user namespaces.
func (m *mounter) enter() {
	m.do("enter "+m.root, func() error {
		if err := os.Chdir(m.root); err != nil {
			return err
		}
		if err := unix.Mount(m.root, "/", "", unix.MS_MOVE, ""); err != nil {
			return err
		}
		return unix.Chroot(".")
	})
}

// dropRights takes from this thread, and from what it starts, the rights to change what all programs of the
// machine share: clocks, modules, and whether it runs. It locks the goroutine to the thread.
func dropRights() error {
	runtime.LockOSThread()
	for _, c := range []uintptr{unix.CAP_SYS_TIME, unix.CAP_SYS_MODULE, unix.CAP_SYS_BOOT, unix.CAP_SYSLOG,
		unix.CAP_AUDIT_CONTROL, unix.CAP_MAC_ADMIN, unix.CAP_WAKE_ALARM} {
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0); err != nil {
			return fmt.Errorf("sandbox: drop capability %d: %w", c, err)
		}
	}
	return nil
}
