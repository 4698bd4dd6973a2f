// Package carry is `terem cp`: files into a machine that runs and out of it, as an archive of tar(1)'s that the guest's own tar
// makes or unpacks.
//
// A guest is hostile: what it sends is unpacked below one directory that is held open (os.Root), under names that stay
// there, never through a link; it makes no devices, no owners and no set-user-ID programs on the host.
package carry
