package distro

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(dir); err == nil {
		t.Error("an empty directory passed for a kernel")
	}
	put(t, filepath.Join(dir, "boot", "vmlinuz-6.12.1-cloud"), nil)
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "lib/modules/6.12.1-cloud") {
		t.Errorf("no modules: %v", err)
	}
	put(t, filepath.Join(dir, "usr/lib/modules/6.12.1-cloud/modules.builtin"), nil)
	im, err := Open(dir)
	if err != nil || im.Release != "6.12.1-cloud" || filepath.Base(im.Kernel) != "vmlinuz-6.12.1-cloud" {
		t.Errorf("Open: %+v, %v", im, err)
	}
	put(t, filepath.Join(dir, "boot", "vmlinuz-6.1.0-cloud"), nil)
	if _, err := Open(dir); err == nil {
		t.Error("two kernels passed for one")
	}
}

func TestLoadOrder(t *testing.T) {
	dir := t.TempDir()
	for name, needs := range map[string]string{"net/virtio_net.ko": "net_failover,virtio_ring", "net/net-failover.ko": "failover",
		"core/failover.ko": "", "virtio/virtio_ring.ko": "virtio", "odd.ko": "missing"} {
		put(t, filepath.Join(dir, name), moduleELF("license=GPL\x00depends="+needs+"\x00"))
	}
	put(t, filepath.Join(dir, "modules.builtin"), []byte("kernel/drivers/virtio/virtio.ko\nkernel/fs/ext4/ext4.ko\n"))
	list, err := Image{modules: dir}.LoadOrder("virtio_net", "ext4", "virtio_ring")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range list {
		names = append(names, m.Name)
	}
	if got := strings.Join(names, " "); got != "failover net_failover virtio_ring virtio_net" {
		t.Errorf("order %q", got)
	}
	if _, err := (Image{modules: dir}).LoadOrder("odd"); err == nil || !strings.Contains(err.Error(), "odd: which needs missing") {
		t.Errorf("a module that is missing: %v", err)
	}
}

func TestDependsRefuses(t *testing.T) {
	for _, b := range [][]byte{nil, []byte("#!/bin/sh"), moduleELF("")[:100]} {
		if d, err := depends(b); err == nil {
			t.Errorf("depends of %d bytes: %q", len(b), d)
		}
	}
}

func put(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, data, 0o644); err != nil {
		t.Fatal(err)
	}
}
