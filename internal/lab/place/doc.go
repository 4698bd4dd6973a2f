// Package place knows where a program can be put so that others can harm it less: nowhere (a process among processes), in a
// container, in a container with limits, in a virtual machine. It knows nothing of what is done there.
//
// A Pair is two places of one kind, for a victim and an attacker. A place is a command line: what stands in front of
// `sh -c SCRIPT`. Those lines run on a Ground: this host, or a virtual machine of terem's own that nobody needs afterwards,
// where a panic is a panic and hurts nobody. On such a ground the same command lines run behind `terem exec`.
//
// Engines of this host are places as well: engine.go and oci.go for runtimes, which are taken along into those machines (carry.go),
// podman.go, docker.go.
//
// Read first: isolation.go; then ground.go, process.go (a program that is spoken with in lines), machine.go (the machines, all of them
// restored from one snapshot) and pool.go (which of them serve once more).
package place
