// Package target knows the ways to run a program: as a bare process, in containers of
// several launchers and engines, on a process VM and in virtual machines.
//
// To each of them a run is a command line. The program comes from one root file system
// that all share, has the same limits where there are any ([Memory], [PIDs], as many CPUs
// as the host), no network but where the target's name says so, and no terminal. What a
// target needs for it, an image, a bundle, a daemon of its own, is made by Prepare under
// [Workspace.Dir] and taken away by Close; containers, images and cgroups bear the
// workspace's ID in their names, and nothing without it is ever touched.
//
// Read first: target.go; then process.go, the simplest, and oci.go.
package target
