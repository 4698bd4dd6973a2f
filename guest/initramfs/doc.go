// Package initramfs writes and reads cpio archives of the format "newc", the one that Linux unpacks into its
// first root file system (Documentation/driver-api/early-userspace/buffer-format.rst).
//
// An Archive collects entries and writes them sorted, owned by root and with the time zero, so that equal
// content gives equal bytes. The data of a file of a page or more begins at a multiple of the page size, which
// spares the default guest's kernel the copy; to other readers this is a name with more than one NUL behind it.
// Default is the root file system of terem's default guest; Extract puts one on the disk.
package initramfs
