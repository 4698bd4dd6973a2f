// Package carry is `terem cp`: files into a machine that runs and out of it, as an archive of tar(1)'s that the guest's own tar
// makes or unpacks.
//
// A guest is hostile: what it sends is unpacked below one directory that is held open (os.Root), under names that stay
// there, never through a link, not even one that it sent the time before; it makes no devices, no owners and no set-user-ID
// programs on the host. A file gets its name when it is whole, and only where none, a file or a link has it.
package carry
