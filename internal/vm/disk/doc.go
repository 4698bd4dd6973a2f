// Package disk is the host's side of a guest's disk: it opens what `--disk` names,
// locks it, and reads and writes it. What it opens satisfies the Backend of package
// devices/virtio/blk by its methods alone; neither package imports the other.
//
//	spec.go        path[,ro][,id=NAME][,cache=MODE][,overlay=PATH] and its errors
//	disk.go        Open; Disk, which checks bounds and reports the first error of a kind
//	file.go        a raw file: preadv and pwritev straight from and to guest RAM
//	direct.go      cache=none: O_DIRECT, and what its alignment forbids
//	device.go      a block device
//	iovec.go       the loops round preadv and pwritev, pread and pwrite
//	overlay.go     copy-on-write over a base of any kind; its file is in header.go
//	bitmap.go      which clusters the overlay has, in memory and on the medium
//	lock.go        one writer or many readers
//
// The subpackage qcow2 reads qcow2 images; image makes, shows and checks images for
// `terem disk`. ADR 0012 has the overlay's format and why a crash does it no harm.
//
// Promises to the guest: a request that returned nil is readable; a request that was
// followed by a Flush which returned nil outlives a crash of terem, of the host and
// of its power. Everything else that can happen to a file comes back as an error. An
// image is never mapped: one that somebody truncates is a short read, not a SIGBUS.
package disk
