// Package container starts a program in a container, with nothing but system calls, so
// that a reader sees what a container is: a process whose namespaces show it a world of
// its own, whose control groups bound what it takes, and which has lost the rights that
// would lead back out. There is no other kernel and no other machine: that is what
// internal/vm/machine has.
//
// Read first: stage.go, the list of steps from an ordinary process to a contained one;
// then start.go, what the process outside does meanwhile.
//
//	start.go      the order of things outside; spawn.go: clone(2) with the namespaces
//	stage.go      the first stage: a second terem, inside, that becomes the program
//	message.go    what the two tell each other; pack.go: as bytes
//	rootfs.go     the root file system: pivot_root(2), /proc, /sys and what is hidden
//	inmemory.go   a top in memory for a root that cannot be written
//	ceilings.go   what can be bounded without control groups
//	devices.go    a minimal /dev; mount.go: mounts as descriptors; target.go: where they go
//	inside.go     the working directory and the program, by paths that do not lead out
//	users.go      the user namespace, and the root's files in its numbers; copy.go,
//	              copyattr.go: a copy of them, where they cannot be shown so
//	limits.go     what may be bounded; groups.go, groups_v1.go, groups_v2.go: the
//	              control groups that do it; sweep.go: those of a terem that was killed
//	freeze.go     a pause; usage.go: what it uses; forks.go: what it was refused
//	standard.go   standard files that programs open anew
//	rights.go     capabilities; syscalls.go: the system calls denied; setid.go: those that
//	              leave a door on the host
//	enter.go      one more program in a container that runs; enter_unsafe.go: its way
//	              in; visit.go: what it does there; account.go: users by name; image.go:
//	              terem, for it to run; process.go: its end
//	container.go  a container that runs: signals, its end, its outcome
//
// The namespaces are described in namespaces(7), the groups in cgroups(7), and the
// way of id-mapped mounts in mount_setattr(2).
package container
