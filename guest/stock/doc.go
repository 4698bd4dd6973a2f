// Command stock boots the kernel of a distribution's package, unmodified, and says whether it came as far
// as init with every instruction finished. run.sh fetches Debian's cloud kernels (guest/distro) and calls it; `make
// test-stock` calls run.sh.
//
// A run is three steps: find the kernel and the modules in the unpacked package (guest/distro), put the
// modules into the default guest's first root file system (initrd.go), and watch terem boot both (watch.go).
// Where KVM interprets guest kernel code a boot takes minutes; elsewhere, seconds.
package main
