// Package image makes, shows and checks disk images: what `terem disk` does, apart
// from reading its flags.
//
//	create.go      an empty image
//	fromdir.go     an ext4 image from a directory or a tar, without being root
//	tar.go         unpacks a tar so that nothing gets out of its directory
//	owners.go      gives the files in an image the owners that a tar has
//	info.go        what an image is, for people and as JSON
//	content.go     file systems and partition tables, by their magic numbers
//	check.go       the structure of an image, and e2fsck for what is in it
//	e2fs.go        the tools of e2fsprogs
//
// What an image or a tar says of itself is hostile: sizes are checked, names printed
// only where they are printable, and paths followed through os.Root.
package image
