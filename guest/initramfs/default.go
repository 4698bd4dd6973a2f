package initramfs

import "bytes"

// Version counts changes to Default that its inputs do not show; it is part of the cache's key.
const Version = 5

// Default is what the kernel unpacks for terem's default guest: init, busybox, the measured program, and
// the console, which the kernel opens before init has mounted anything. Init makes all else
// (guest/init/src/rootfs.c).
func Default(init, busybox, probe []byte) *Archive {
	a := new(Archive)
	a.File("init", 0o755, wholePages(init))
	a.File("bin/busybox", 0o755, busybox)
	a.File("bin/probe", 0o755, wholePages(probe))
	a.CharDevice("dev/console", 0o600, 5, 1)
	return a
}

// wholePages pads a small program with NULs: the guest's kernel takes over whole pages and copies the rest, for which
// it needs some thousand instructions.
func wholePages(b []byte) []byte {
	return append(bytes.Clone(b), make([]byte, -len(b)&(pageSize-1))...)
}
