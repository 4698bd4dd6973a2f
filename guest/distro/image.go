package distro

import (
	"fmt"
	"path/filepath"
)

// Image is a kernel package, unpacked by `dpkg -x`.
type Image struct {
	Release string // as `uname -r` says under it
	Kernel  string // path of the bzImage
	modules string // the release's directory of modules
}

// Open finds the kernel under dir: boot/vmlinuz-RELEASE and lib/modules/RELEASE.
func Open(dir string) (Image, error) {
	const prefix = "vmlinuz-"
	found, err := filepath.Glob(filepath.Join(dir, "boot", prefix+"*"))
	if err != nil {
		return Image{}, fmt.Errorf("look for a kernel in %s: %w", dir, err)
	}
	if len(found) != 1 {
		return Image{}, fmt.Errorf("%s holds %d files boot/%s*, not one: unpack one kernel package into it", dir, len(found), prefix)
	}
	release := filepath.Base(found[0])[len(prefix):]
	im := Image{Release: release, Kernel: found[0]}
	for _, lib := range []string{"lib", "usr/lib"} { // Debian 13 has moved it
		if m, _ := filepath.Glob(filepath.Join(dir, lib, "modules", release)); len(m) == 1 {
			im.modules = m[0]
			return im, nil
		}
	}
	return Image{}, fmt.Errorf("%s has no lib/modules/%s", dir, release)
}
