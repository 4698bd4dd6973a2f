// Package unpack unpacks a kernel's payload in the formats that the kernel's build packs it in. Package boot has no decoder
// of its own, so that a program that boots only plain images need not have them.
package unpack
