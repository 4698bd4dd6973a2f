// Package guest finds what terem boots by default: a Linux kernel and a first root file system, both built
// by package guest/build and kept in a cache.
//
// A cache directory is named for what went into it, in two halves: a hash over what this program carries
// (configuration, patches, the source of init), which Find can compute anywhere, and a hash over the tools
// and packages of the machine that built it. What is there is complete: a build is renamed into its place as
// its last step.
//
//	terem/kernel/<own>-<tools>/   vmlinux, bzImage, System.map, config, manifest.json
//	terem/initrd/<own>-<tools>/   initrd.cpio, manifest.json
package guest
