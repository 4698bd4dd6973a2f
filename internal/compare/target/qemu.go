package target

import (
	"context"
	"strconv"
	"strings"

	"terem/guest"
	"terem/guest/cmdline"
	"terem/internal/compare/result"
	"terem/internal/compare/spawn"
)

// qemu is QEMU's smallest machine on KVM, with terem's guest.
type qemu struct {
	none
	w *Workspace
}

func (*qemu) About() About {
	return About{Name: "qemu", Title: "QEMU microvm", Kind: result.VM, Package: "qemu-system-x86", Slow: true,
		Note: "the same kernel and initial RAM disk as terem's VM; its disk likewise"}
}

func (t *qemu) Find(ctx context.Context) (string, error) {
	v, err := t.w.version(ctx, "qemu-system-x86_64", "--version")
	if err != nil {
		return v, err
	}
	_, err = (&vm{w: t.w}).Find(ctx)
	return v, err
}

func (t *qemu) Command(r Run) (spawn.Command, error) {
	dir, err := guest.DefaultCacheDir()
	if err != nil {
		return spawn.Command{}, err
	}
	a, err := guest.Find(dir)
	if err != nil {
		return spawn.Command{}, err
	}
	words, err := cmdline.Options{Argv: r.argv("/dev/vda"), Pipe: true}.Words()
	if err != nil {
		return spawn.Command{}, err
	}
	line := "console=ttyS0 reboot=t panic=-1 " + cmdline.Kernel(1)
	for _, w := range words {
		line += " " + w
	}
	argv := []string{"qemu-system-x86_64", "-M", "microvm,x-option-roms=off,pit=off,pic=off,rtc=off,isa-serial=on,auto-kernel-cmdline=off",
		"-accel", "kvm", "-cpu", "host,-arch-capabilities", "-m", strconv.Itoa(Memory>>20) + "M",
		"-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-serial", "stdio",
		"-kernel", a.VMLinux, "-initrd", a.Initrd, "-append", line}
	if r.Data != "" {
		file := strings.ReplaceAll(r.Data, ",", ",,") // a comma ends it otherwise
		argv = append(argv, "-drive", "if=none,format=raw,readonly=on,id=d,file="+file, "-device", "virtio-blk-device,drive=d")
	}
	return spawn.Command{Argv: argv}, nil
}
