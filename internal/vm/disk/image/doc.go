// Package image makes, shows and checks disk images: what `terem disk` does, apart
// from reading its flags.
//
//	create.go      an empty image
//	fromdir.go     an ext4 image from a directory or a tar, without being root
//	tree.go        what goes into an image, in memory; links are followed within it
//	scan.go        reads a directory into a tree
//	tar.go         reads a tar into a tree; entry.go has one entry, sparse.go its holes,
//	               acl.go its access control lists
//	spool.go       the contents of a tar's files, until the image is there
//	info.go        what an image is, for people and as JSON
//	content.go     file systems and partition tables, by their magic numbers
//	check.go       the structure of an image, and e2fsck for what is in it
//	e2fs.go        the tools of e2fsprogs
//
// What an image or a tar says of itself is hostile: sizes are checked, names printed
// only where they are printable. A tar is never unpacked, so there is no path out of it; a
// directory is read by descriptors that follow no link.
package image
