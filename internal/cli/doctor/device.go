package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"terem/kvm"
)

// apiVersion is the one KVM API version there is; kvm.OpenDevice refuses others.
const apiVersion = 12

// miscMinor is the device number of /dev/kvm (kernel: include/linux/miscdevice.h).
const miscMinor = "c 10 232"

// examineDevice looks at the device node and opens it. The System is nil if that
// failed.
func examineDevice(o Options, p Platform) (KVM, System) {
	k := node(o)
	sys, err := o.Open(o.Device)
	if err != nil {
		k.State = Missing
		k.Detail, k.Why, k.Mend = refusal(o, p, k, err)
		return k, nil
	}
	k.State, k.Opened, k.APIVersion = OK, true, apiVersion
	k.Detail = fmt.Sprintf("opened (mode %s, %s:%s), KVM API %d", k.Mode, k.Owner, k.Group, k.APIVersion)
	return k, sys
}

// node looks at the device node.
func node(o Options) KVM {
	k := KVM{Check: Check{Name: o.Device, Required: true}, Path: o.Device}
	if node, err := o.Stat(o.Device); err == nil {
		k.Mode = fmt.Sprintf("%04o", node.Mode.Perm())
		k.Owner = nameOf(o, "etc/passwd", node.UID)
		k.Group = nameOf(o, "etc/group", node.GID)
	}
	return k
}

// Refusal says why the device does not open, for who has tried and has got err, and what mends that: a command, or nothing.
func Refusal(o Options, err error) (cause, mend string) {
	o = o.withDefaults()
	cause, why, mend := refusal(o, examinePlatform(o), node(o), err)
	if why != "" {
		cause += ": " + why
	}
	return cause, mend
}

// ask fills in what the device says about itself.
func (k *KVM) ask(sys System) {
	advised, most, err := sys.RecommendedVCPUs()
	if err == nil {
		k.VCPUsAdvised, k.VCPUsMost = advised, most
	}
	if leaves, err := sys.SupportedCPUID(); err == nil {
		deadline, err := sys.Check(kvm.CapTSCDeadlineTimer)
		k.GuestFeatures = guestFeatures(leaves, err == nil && deadline > 0)
	}
}

// refusal says why the device does not open, and what mends it.
func refusal(o Options, p Platform, k KVM, err error) (detail, why, mend string) {
	switch {
	case errors.Is(err, fs.ErrPermission) && p.Container != "":
		return "no permission" + k.rights(), "the container was not given the device",
			p.runWith(o.Device)
	case errors.Is(err, fs.ErrPermission):
		why, mend = grant(o, k)
		return "no permission" + k.rights(), why, mend
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENXIO), errors.Is(err, unix.ENODEV):
		why, mend = provide(o, p)
		return "there is no such device", why, mend
	case errors.Is(err, kvm.ErrAPIVersion):
		return err.Error(), "the kernel is older than Linux 2.6.22", o.install("linux-image-amd64")
	}
	return err.Error(), "", "dmesg | grep -i kvm"
}

// runWith is the command that starts a container like this one with a device.
func (p Platform) runWith(device string) string {
	engine := "docker"
	if p.Container == "podman" {
		engine = p.Container
	}
	return engine + " run --device " + device + " ..."
}

func (k KVM) rights() string {
	if k.Mode == "" {
		return ""
	}
	return fmt.Sprintf(" (mode %s, %s:%s)", k.Mode, k.Owner, k.Group)
}

// grant says how this user gets the right to open the device.
func grant(o Options, k KVM) (why, mend string) {
	mode, _ := strconv.ParseUint(k.Mode, 8, 32)
	if k.Group == "kvm" && mode&0o060 == 0o060 {
		return "members of the group kvm may open it; the group counts from the next login on",
			o.sudo("usermod -aG kvm $USER")
	}
	return "its mode lets nobody but " + k.Owner + " in", o.sudo("setfacl -m u:$USER:rw " + k.Path)
}

// provide says how the device comes to be there.
func provide(o Options, p Platform) (why, mend string) {
	flags := cpuFlags(o, "flags")
	loaded := o.exists("sys/module/kvm_intel") || o.exists("sys/module/kvm_amd") || o.exists("sys/module/kvm_pvm")
	switch {
	case p.Container != "":
		return "a container has it only if it is started with it", p.runWith(o.Device)
	case loaded && !strings.Contains(o.read("proc/misc")+"\n", " kvm\n"):
		return "the module is loaded, and has registered no device: the CPU, or the hypervisor below, does not let it", "dmesg | grep -i kvm"
	case loaded:
		return "the module is loaded, and the node is gone", o.sudo("mknod " + o.Device + " " + miscMinor)
	case flags["vmx"]:
		return "the CPU has VT-x, and the module is not loaded (or the firmware forbids it: see dmesg)",
			o.sudo("modprobe kvm_intel")
	case flags["svm"]:
		return "the CPU has AMD-V, and the module is not loaded (or the firmware forbids it: see dmesg)",
			o.sudo("modprobe kvm_amd")
	case p.Virtual:
		return nest(p)
	}
	return "the CPU shows neither VT-x nor AMD-V; look for it in the firmware's set-up",
		o.sudo("systemctl reboot --firmware-setup")
}

// nest says how the hypervisor below lets us have VMs of our own.
func nest(p Platform) (why, mend string) {
	why = "we are in a VM of " + p.Hypervisor + " that hides VT-x and AMD-V from us; nested virtualization is "
	switch p.Hypervisor {
	case "KVM":
		return why + "turned on in the host, and the VM started with -cpu host",
			"modprobe -r kvm_intel && modprobe kvm_intel nested=1"
	case "Hyper-V":
		return why + "turned on in the host's PowerShell",
			"Set-VMProcessor -VMName NAME -ExposeVirtualizationExtensions $true"
	case "VirtualBox":
		return why + "turned on in the host", "VBoxManage modifyvm NAME --nested-hw-virt on"
	case "VMware":
		return why + "turned on in the host", `echo 'vhv.enable = "TRUE"' >> NAME.vmx`
	}
	return why + "a setting of the host, or not to be had", ""
}

// nameOf finds the name of a number in passwd(5) or group(5), else gives the
// number.
func nameOf(o Options, file string, id uint32) string {
	number := strconv.FormatUint(uint64(id), 10)
	for line := range strings.Lines(o.read(file)) {
		f := strings.SplitN(line, ":", 4)
		if len(f) > 2 && f[2] == number {
			return f[0]
		}
	}
	return number
}
