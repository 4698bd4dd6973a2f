// Package process is the other side of package share: a process that serves one directory, in a sandbox of its own.
//
// Before the first request it gives up what it will not need:
//
//   - no_new_privs, so that no file that it could execute makes it more than it is;
//   - as root, all capabilities but those that change owners and modes of files and pass over them (sandbox.go);
//   - where Linux has Landlock, from 5.19 on, every access to files that are not below the directory (landlock_unsafe.go); for a directory
//     that is shown read-only, every change as well.
//
// It has no other descriptor than its directory, the memory of its requests and their sockets, and ends when one of these closes.
package process
