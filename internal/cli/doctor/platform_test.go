package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"terem/kvm"
)

func TestIdentify(t *testing.T) {
	tests := []struct {
		signatures []string
		name       string
		kind       Type
	}{
		{[]string{"KVMKVMKVM"}, "KVM", Hybrid},
		{[]string{"Microsoft Hv"}, "Hyper-V", Type1},
		{[]string{"Microsoft Hv", "KVMKVMKVM"}, "KVM", Hybrid}, // with hv-* enlightenments
		{[]string{"Microsoft Hv", "XenVMMXenVMM"}, "Xen", Type1},
		{[]string{"VBoxVBoxVBox"}, "VirtualBox", Type2},
		{[]string{"VMwareVMware"}, "VMware", Unknown},
		{[]string{"TCGTCGTCGTCG"}, "QEMU without KVM (TCG)", Type2},
		{[]string{"\x1b[31m"}, `"\x1b[31m"`, Unknown},
		{nil, "one that does not give its name", Unknown},
	}
	for _, test := range tests {
		h := identify(test.signatures)
		if h.name != test.name || h.kind != test.kind || (h.kind == Unknown && h.note == "") {
			t.Errorf("%q: %+v", test.signatures, h)
		}
	}
}

func TestCPUIDExecutes(t *testing.T) {
	if r := cpuidLeaf(0, 0); r[0] == 0 || r[1] == 0 {
		t.Errorf("leaf 0: %#x", r)
	}
}

func TestContainer(t *testing.T) {
	const other = "\n-- proc/self/ns/pid -> pid:[1]"
	tests := []struct{ name, files, want string }{
		{"bare", "", ""},
		{"podman", "\n-- run/.containerenv --" + other, "podman"},
		{"by environment", "\n-- proc/1/environ --\nTERM=x\x00container=lxc\x00" + other, "lxc"},
		{"by cgroup", "\n-- proc/1/cgroup --\n0::/kubepods/pod1/x\n" + other, "kubepods"},
		{"no trace", other, "unknown"},
		{"an image's root", "\n-- .dockerenv --", ""},
	}
	for _, test := range tests {
		h := &fakeHost{options: Options{Root: t.TempDir()}}
		for _, f := range strings.Split(test.files, "\n-- ") {
			h.place(t, f)
		}
		if got, note := container(h.options); got != test.want {
			t.Errorf("%s: %q (%s), want %q", test.name, got, note, test.want)
		}
	}
}

func TestRefusal(t *testing.T) {
	vm := func(name string) Platform { return Platform{Virtual: true, Hypervisor: name} }
	group := KVM{Mode: "0660", Group: "kvm", Owner: "root", Path: "/dev/kvm"}
	tests := []struct {
		name     string
		platform Platform
		kvm      KVM
		err      error
		mend     string
	}{
		{"not in the group", Platform{}, group, fs.ErrPermission, "sudo usermod -aG kvm $USER"},
		{"no group", Platform{}, KVM{Mode: "0600", Path: "/dev/kvm"}, fs.ErrPermission, "sudo setfacl -m u:$USER:rw /dev/kvm"},
		{"a container", Platform{Container: "docker"}, group, fs.ErrPermission, "docker run --device /dev/kvm ..."},
		{"a container without it", Platform{Container: "docker"}, KVM{}, fs.ErrNotExist, "docker run --device /dev/kvm ..."},
		{"podman", Platform{Container: "podman"}, KVM{}, fs.ErrNotExist, "podman run --device /dev/kvm ..."},
		{"a PC", Platform{}, KVM{}, fs.ErrNotExist, "sudo systemctl reboot --firmware-setup"},
		{"no driver", vm("KVM"), KVM{}, unix.ENODEV, "modprobe -r kvm_intel && modprobe kvm_intel nested=1"},
		{"Hyper-V", vm("Hyper-V"), KVM{}, fs.ErrNotExist, "Set-VMProcessor -VMName NAME -ExposeVirtualizationExtensions $true"},
		{"another API", Platform{}, KVM{}, kvm.ErrAPIVersion, "sudo apt-get install --yes linux-image-amd64"},
		{"something else", Platform{}, KVM{}, errors.New("odd"), "dmesg | grep -i kvm"},
	}
	o := Options{Root: t.TempDir(), Device: "/dev/kvm", UID: 1000}
	for _, test := range tests {
		detail, _, mend := refusal(o, test.platform, test.kvm, fmt.Errorf("open: %w", test.err))
		if mend != test.mend || detail == "" {
			t.Errorf("%s: %q, mend %q, want %q", test.name, detail, mend, test.mend)
		}
	}
}

func TestOpenReportsErrors(t *testing.T) {
	if s, err := open(filepath.Join(t.TempDir(), "kvm")); s != nil || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v, %v", s, err)
	}
	if s, err := open("/dev/null"); s != nil || err == nil {
		t.Errorf("/dev/null opened as KVM: %v", s)
	}
}

func TestFreeOfDirectoryToBe(t *testing.T) {
	dir := t.TempDir()
	here, err := free(dir)
	if err != nil || here == 0 {
		t.Fatalf("%d, %v", here, err)
	}
	if n, err := free(filepath.Join(dir, "not", "yet")); err != nil || n == 0 {
		t.Errorf("%d, %v", n, err)
	}
}

func FuzzHost(f *testing.F) {
	f.Add("processor: 0\nphysical id: 0\ncore id: 1\n")
	f.Add("MemTotal: 99999999999999999999 kB\nprocessor")
	f.Fuzz(func(t *testing.T, text string) {
		h := &fakeHost{options: Options{Root: t.TempDir()}}
		for _, name := range []string{"proc/cpuinfo", "proc/meminfo", "etc/os-release", "etc/group", "proc/self/mounts"} {
			h.place(t, name+" --\n"+text)
		}
		examineHost(h.options)
		examineIsolation(h.options)
		nameOf(h.options, "etc/group", 0)
	})
}

// TestLoadedWithoutDevice: a node helps only if KVM has registered the device that it is for.
func TestLoadedWithoutDevice(t *testing.T) {
	for misc, want := range map[string]string{
		"232 kvm\n183 hw_random":   "mknod",
		"183 hw_random\n232 kvm\n": "mknod",
		"183 hw_random\n":          "dmesg",
		"":                         "dmesg",
	} {
		o := Options{Root: t.TempDir(), Device: "/dev/kvm"}
		for _, dir := range []string{"proc", "sys/module/kvm_amd"} {
			if err := os.MkdirAll(filepath.Join(o.Root, dir), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(o.Root, "proc/misc"), []byte(misc), 0o644); err != nil {
			t.Fatal(err)
		}
		if why, mend := provide(o, Platform{}); !strings.Contains(mend, want) {
			t.Errorf("/proc/misc is %q: %s: %s; want %s", misc, why, mend, want)
		}
	}
}
