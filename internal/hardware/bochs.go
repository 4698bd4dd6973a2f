package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"terem/internal/cli/tty/pty"
)

// Of Debian's packages bochs, bochsbios, vgabios, isolinux and syslinux-common.
const (
	bochsBIOS = "/usr/share/bochs/BIOS-bochs-latest"
	vgaBIOS   = "/usr/share/vgabios/vgabios.bin"
	isolinux  = "/usr/lib/ISOLINUX/isolinux.bin"
	ldlinux   = "/usr/lib/syslinux/modules/bios/ldlinux.c32"
)

// bochsIPS is how many instructions Bochs calls a second. Its time is nothing but that, so an outer system computes the
// same time on a busy host and on an idle one; about so many it does in a real second, too.
const bochsIPS = 60_000_000

// bochs is a PC of one Haswell with VMX, interpreted: it is the one of Bochs's models that has EPT, VPID and
// unrestricted guests and that a Debian kernel knows well. It boots from a compact disc, for want of a loader of kernels.
func bochs(m machine) (*exec.Cmd, error) {
	iso := filepath.Join(m.dir, "boot.iso")
	if err := makeISO(m, iso); err != nil {
		return nil, err
	}
	rc := filepath.Join(m.dir, "bochs.rc") // commands for its debugger, which Debian has built in: continue
	conf := filepath.Join(m.dir, "bochsrc")
	if err := write(rc, "c\n"); err != nil {
		return nil, err
	}
	if err := write(conf, bochsConfig(m, iso)); err != nil {
		return nil, err
	}
	master, slave, err := pty.Open() // the display library `term` wants a terminal
	if err != nil {
		return nil, err
	}
	defer slave.Close()
	c := exec.Command("bochs-bin", "-q", "-f", conf, "-rc", rc)
	c.Env = append(os.Environ(), "TERM=vt100")
	c.Stdin, c.Stdout, c.Stderr = slave, slave, slave
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := launch(c, m.dir); err != nil {
		master.Close()
		return nil, err
	}
	go func() {
		_, _ = io.Copy(io.Discard, master) // ends with EIO, when Bochs has ended
		master.Close()
	}()
	return c, nil
}

func bochsConfig(m machine, iso string) string {
	cpu := "corei7_haswell_4770"
	if m.cpu != "" {
		cpu = m.cpu
	}
	mode := "file"
	if m.terminal {
		mode = "term"
	}
	return strings.Join([]string{
		"display_library: term",
		fmt.Sprintf("cpu: model=%s, count=1, ips=%d, reset_on_triple_fault=0, ignore_bad_msrs=1", cpu, cmp.Or(m.ips, bochsIPS)),
		"memory: guest=2048, host=2048",
		"romimage: file=" + bochsBIOS,
		"vgaromimage: file=" + vgaBIOS,
		"ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14",
		"ata0-master: type=cdrom, path=" + iso + ", status=inserted",
		"boot: cdrom",
		"com1: enabled=1, mode=" + mode + ", dev=" + m.console,
		"com2: enabled=1, mode=file, dev=" + m.report,
		"clock: sync=none, time0=utc",
		"speaker: enabled=0",
		"log: " + filepath.Join(m.dir, "bochs.log"),
		"panic: action=fatal",
		"error: action=ignore",
		"info: action=ignore",
		"debug: action=ignore",
		"",
	}, "\n")
}

// makeISO writes a disc that boots the kernel. The initrd is compressed with LZ4: reading it through the BIOS costs more
// than unpacking it.
func makeISO(m machine, iso string) error {
	tree := filepath.Join(m.dir, "iso")
	if err := os.Mkdir(tree, 0o755); err != nil {
		return err
	}
	defer os.RemoveAll(tree)
	for from, to := range map[string]string{isolinux: "isolinux.bin", ldlinux: "ldlinux.c32", m.kernel: "vmlinuz"} {
		if err := copyFile(from, filepath.Join(tree, to)); err != nil {
			return err
		}
	}
	conf := "default outer\nprompt 0\nlabel outer\n kernel vmlinuz\n initrd initrd\n append " + m.words + "\n"
	if err := write(filepath.Join(tree, "isolinux.cfg"), conf); err != nil {
		return err
	}
	if err := tool("lz4", "-l", "-q", m.initrd, filepath.Join(tree, "initrd")); err != nil { // -l: the form that kernels know
		return err
	}
	return tool("xorriso", "-as", "mkisofs", "-quiet", "-o", iso, "-b", "isolinux.bin", "-c", "boot.cat", "-no-emul-boot",
		"-boot-load-size", "4", "-boot-info-table", tree)
}
