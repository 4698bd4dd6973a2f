// Package snapshot keeps a machine on disk: a directory with its RAM and a description of all else. It knows files; what the
// machine's state means is for package machine, which is not imported.
//
//	state.go     what DIR/state holds, its text and the checks of it
//	runs.go      which pages a diff has
//	parent.go    chains: the snapshots that a diff needs
//	identity.go  by which a file that was changed or copied is told
//	write.go     Create; Writer, which makes a new directory beside the old one and puts it in its place
//	memory.go    from a guest's RAM to DIR/memory, and the sums of its chunks
//	merge.go     from a chain to a whole snapshot
//	compare.go   which pages differ between two
//	chunks.go    the parts of RAM that have sums, and goroutines that share them out
//	sums.go      CRC-32C of them
//	open.go      Open; Snapshot
//	verify.go    reads all of DIR/memory
//	dir.go       directories by descriptor, and the removal of what a killed writer left
//	errors.go    what the user is told
//
// docs/snapshot.md draws the files. Promises: DIR is at any time, whoever is killed and whatever loses its power, the whole old
// snapshot or the whole new one. What Open returns has been checked, whoever made the directory.
package snapshot
