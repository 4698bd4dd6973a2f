package doctor

import (
	"errors"
	"fmt"
	"slices"

	"terem/guest"
)

// roomToBuild is what a build of the guest takes: Debian's kernel source
// unpacked, its objects, and the result.
const roomToBuild = 4 << 30

// examineGuest looks for the default guest, and for what building it takes.
func examineGuest(o Options) Guest {
	g := Guest{Kernel: examineGuestKernel(o), Cache: examineCache(o)}
	g.Tools = examineTools(o)
	if g.Kernel.State == OK { // nothing needs to be built
		for _, c := range []*Check{&g.Cache.Check, &g.Tools.Check} {
			if c.State != OK {
				c.Why = "the guest is built already; this matters for the next build"
			}
		}
	}
	return g
}

func examineGuestKernel(o Options) GuestKernel {
	k := GuestKernel{Check: Check{Name: "default guest", State: OK}}
	a, err := guest.Find(o.CacheDir)
	switch {
	case errors.Is(err, guest.ErrNotBuilt):
		k.State, k.Detail = Missing, "not built"
		k.Why = "terem run needs it, unless --kernel and --initrd name other files"
	case err != nil:
		k.State, k.Detail = Warn, err.Error()
		k.Why = "the cache is damaged"
	default:
		k.Version, k.Detail = a.KernelVersion, "built, Linux "+a.KernelVersion
		return k
	}
	k.Mend = "make guest"
	return k
}

func examineCache(o Options) Cache {
	c := Cache{Check: Check{Name: "cache", State: OK}, Dir: o.CacheDir}
	if o.CacheDir == "" {
		c.State, c.Detail = Missing, "neither XDG_CACHE_HOME nor HOME is set"
		c.Mend = "export XDG_CACHE_HOME=/var/cache"
		return c
	}
	room, err := o.Free(o.CacheDir)
	if err != nil {
		c.State, c.Detail = Warn, err.Error()
		return c
	}
	c.Free, c.Detail = room, fmt.Sprintf("%s, %s free", o.CacheDir, size(room))
	if room < roomToBuild {
		c.State, c.Why = Warn, "building the guest takes "+size(roomToBuild)
		c.Mend = "export XDG_CACHE_HOME=DIRECTORY # one with more room"
	}
	return c
}

// A tool is a program, or else a file, that comes with a Debian package.
type tool struct{ program, file, pkg string }

// tools are those of guest/setup.sh.
func tools() []tool {
	return []tool{
		{program: "bc", pkg: "bc"},
		{program: "ld", pkg: "binutils"},
		{program: "bison", pkg: "bison"},
		{program: "busybox", pkg: "busybox-static"},
		{program: "bzip2", pkg: "bzip2"},
		{program: "cpio", pkg: "cpio"},
		{program: "mkfs.ext4", file: "sbin/mkfs.ext4", pkg: "e2fsprogs"},
		{program: "flex", pkg: "flex"},
		{program: "gcc", pkg: "gcc"},
		{program: "depmod", file: "sbin/depmod", pkg: "kmod"},
		{file: "usr/include/stdio.h", pkg: "libc6-dev"},
		{file: "usr/include/libelf.h", pkg: "libelf-dev"},
		{file: "usr/include/linux/kvm.h", pkg: "linux-libc-dev"},
		{file: "usr/src/linux-source-6.12.tar.xz", pkg: "linux-source-6.12"},
		{program: "lz4", pkg: "lz4"},
		{program: "make", pkg: "make"},
		{program: "patch", pkg: "patch"},
		{program: "tar", pkg: "tar"},
		{program: "xz", pkg: "xz-utils"},
	}
}

func (t tool) found(o Options) bool {
	if t.program != "" {
		if _, err := o.LookPath(t.program); err == nil {
			return true
		}
	}
	return t.file != "" && o.exists(t.file)
}

func examineTools(o Options) Tools {
	t := Tools{Check: Check{Name: "build tools", State: OK}, Packages: []string{}}
	all := tools()
	for _, x := range all {
		if !x.found(o) {
			t.Packages = append(t.Packages, x.pkg)
		}
	}
	slices.Sort(t.Packages)
	t.Detail = fmt.Sprintf("all %d packages are installed", len(all))
	if n := len(t.Packages); n > 0 {
		t.State, t.Detail = Missing, fmt.Sprintf("%d of %d packages are not installed", n, len(all))
		t.Why = "building the default guest takes them"
		t.Mend = o.install(t.Packages...)
	}
	return t
}
