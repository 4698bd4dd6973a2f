// Package build makes the default guest from the packages of a Debian machine and puts it into the cache
// that package guest reads.
//
// Kernel unpacks linux-source-6.12, applies the patches, configures, compiles, and keeps four files. Initrd
// compiles init and packs it with busybox. Either returns at once what is in the cache already. Two builds
// at the same time take turns on a lock file. A build works in a directory of its own and is renamed into
// place when all is done: what a killed build left is removed by the next one.
package build
