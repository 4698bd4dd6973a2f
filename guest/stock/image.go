package main

import (
	"fmt"
	"path/filepath"
)

// image is a kernel package, unpacked by `dpkg -x`.
type image struct {
	release string // as `uname -r` in the guest says
	kernel  string // path of the bzImage
	modules string // the release's directory of modules
}

// openImage finds the kernel under dir: boot/vmlinuz-RELEASE and lib/modules/RELEASE.
func openImage(dir string) (image, error) {
	const prefix = "vmlinuz-"
	found, err := filepath.Glob(filepath.Join(dir, "boot", prefix+"*"))
	if err != nil {
		return image{}, fmt.Errorf("look for a kernel in %s: %w", dir, err)
	}
	if len(found) != 1 {
		return image{}, fmt.Errorf("%s holds %d files boot/%s*, not one: unpack one kernel package into it", dir, len(found), prefix)
	}
	release := filepath.Base(found[0])[len(prefix):]
	im := image{release: release, kernel: found[0]}
	for _, lib := range []string{"lib", "usr/lib"} { // Debian 13 has moved it
		if m, _ := filepath.Glob(filepath.Join(dir, lib, "modules", release)); len(m) == 1 {
			im.modules = m[0]
			return im, nil
		}
	}
	return image{}, fmt.Errorf("%s has no lib/modules/%s", dir, release)
}
