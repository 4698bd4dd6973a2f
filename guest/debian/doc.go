// Package debian has what `make guest-debian` puts on a disk, and the test that boots it (`make test-debian`).
//
//	build.sh   mmdebstrap's smallest Debian with sysvinit, as an ext4 image in the cache
//	root/      the files that are ours, laid over it: root/usr/local/sbin/vm-rc is what init runs
//
// The machine starts as any with a disk: the default kernel, and terem's PID 1, which mounts the disk and becomes
// its /sbin/init (guest/init/src/root.c). From there on all is Debian's.
package debian
