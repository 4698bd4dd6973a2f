// Package kernel holds what makes Debian's linux-source-6.12 the kernel of terem's default guest: a
// configuration and a few patches. It builds nothing; package guest/build does.
//
// Read the file config first: its comments say what each choice is for. guest/README.md has the numbers.
package kernel
