// Package tree is a directory of the host's as a FUSE file system, for a guest that may be hostile.
//
// Tree answers the requests of fs/fuse of the guest's kernel. The layout of each is go-fuse's business (package fuse of
// github.com/hanwen/go-fuse/v2, which calls a RawFileSystem); what is done with files is here.
//
// # How nothing outside of the directory is reached
//
// A guest names a file by a node and a name in it, never by a path.
//
//   - A node is an O_PATH descriptor (table.go). It stays the same file whatever happens to names meanwhile.
//   - A name is one component: not empty, not "." or "..", without "/" and NUL, at most 255 bytes (names.go). It is looked up by
//     openat2(2) with RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS and RESOLVE_NO_MAGICLINKS; or it goes, with the descriptor of its
//     directory, to a system call that does not follow a link at the end, such as unlinkat(2).
//   - A symbolic link is a node too, whose text the guest reads and follows by itself. The host never does.
//   - To read or write, a node is opened anew through /proc/self/fd, which is a name for the very file that the descriptor
//     has. Only regular files and directories are opened: never a FIFO, a socket or a device.
//
// A directory that somebody on the host moves out of the shared one while the guest has it, stays the guest's until it is forgotten;
// Landlock, which package process sets up, ends that.
//
// # Who owns what
//
// As root, owners are the same numbers on both sides. Otherwise the files of the user who runs terem are root's in the guest,
// those of others are nobody's (65534), and a file can be given to nobody else (identity.go).
//
// # What is bounded
//
// Descriptors: of nodes that nobody uses, those that were used longest ago are closed, and found again by directory and name when the guest
// comes back to them; if there is another file by then, the guest gets ESTALE. Nodes: at most a million, then ENFILE. Open files: some thousands.
//
// Read tree.go first, then table.go; the rest is one file for each kind of request.
package tree
