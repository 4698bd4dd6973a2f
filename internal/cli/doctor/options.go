package doctor

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"terem/guest"
	"terem/kvm"
)

// probeTime bounds each program that is asked for its version.
const probeTime = 2 * time.Second

// System is the part of *kvm.System that Examine asks.
type System interface {
	Check(kvm.Capability) (int, error)
	RecommendedVCPUs() (advised, most int, err error)
	SupportedCPUID() ([]kvm.CPUIDEntry, error)
	Close() error
}

// Node is what stat says about a device node.
type Node struct {
	Mode     fs.FileMode
	UID, GID uint32
}

// Options say where to look. The zero value means this host; tests put other
// hosts in its place.
type Options struct {
	Root     string // of /proc, /sys and /etc; default "/"
	Device   string // default kvm.Device
	CacheDir string // default guest.DefaultCacheDir
	UID      int    // who asks; default os.Geteuid

	ProbeTime time.Duration // for each program that is run; default 2 s

	LookPath func(program string) (path string, err error)
	Stat     func(path string) (Node, error)
	Open     func(path string) (System, error)
	CPUID    func(leaf, subleaf uint32) [4]uint32 // EAX, EBX, ECX, EDX
	Free     func(dir string) (bytes uint64, err error)
}

// withDefaults fills in this host where an option is zero.
func (o Options) withDefaults() Options {
	if o.Root == "" {
		o.Root, o.UID = "/", os.Geteuid()
	}
	if o.Device == "" {
		o.Device = kvm.Device
	}
	if o.CacheDir == "" {
		o.CacheDir, _ = guest.DefaultCacheDir() // empty: the check of the cache says so
	}
	if o.ProbeTime == 0 {
		o.ProbeTime = probeTime
	}
	if o.LookPath == nil {
		o.LookPath = exec.LookPath
	}
	if o.Stat == nil {
		o.Stat = stat
	}
	if o.Open == nil {
		o.Open = open
	}
	if o.CPUID == nil {
		o.CPUID = cpuidLeaf
	}
	if o.Free == nil {
		o.Free = free
	}
	return o
}

// read gives a small file under the root without the white space around it, or ""
// if it cannot be read.
func (o Options) read(name string) string {
	b, err := os.ReadFile(filepath.Join(o.Root, name))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// exists says whether there is a file or directory of this name under the root.
func (o Options) exists(name string) bool {
	_, err := os.Stat(filepath.Join(o.Root, name))
	return err == nil
}

// sudo puts sudo before a command for those who need it.
func (o Options) sudo(command string) string {
	if o.UID == 0 {
		return command
	}
	return "sudo " + command
}

// install is the command that installs Debian packages.
func (o Options) install(packages ...string) string {
	return o.sudo("apt-get install --yes " + strings.Join(packages, " "))
}

func stat(path string) (Node, error) {
	var s unix.Stat_t
	if err := unix.Stat(path, &s); err != nil {
		return Node{}, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	return Node{Mode: fs.FileMode(s.Mode & 0o777), UID: s.Uid, GID: s.Gid}, nil
}

func open(path string) (System, error) {
	s, err := kvm.OpenDevice(path)
	if err != nil {
		return nil, err // not s: a nil *kvm.System would be a System that is not nil
	}
	return s, nil
}

// free is the room for an ordinary user on the file system of dir, or of the
// nearest directory above it that exists.
func free(dir string) (uint64, error) {
	var s unix.Statfs_t
	for {
		err := unix.Statfs(dir, &s)
		if err == nil {
			return s.Bavail * uint64(s.Bsize), nil
		}
		up := filepath.Dir(dir)
		if err != unix.ENOENT || up == dir {
			return 0, &fs.PathError{Op: "statfs", Path: dir, Err: err}
		}
		dir = up
	}
}
