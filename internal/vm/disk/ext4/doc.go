// Package ext4 fills an empty ext4 file system, as mke2fs has made it, with a tree of
// files. mke2fs decides about the geometry and makes journal, backups and room to grow;
// this package adds what it cannot do as an ordinary user, or takes quadratic time for
// (ADR 0017). The format is the kernel's Documentation/filesystems/ext4; names in comments
// are its own.
//
//	node.go      what a file is: everything that ext4 can say of one
//	fill.go      gives inodes to a tree and writes it, in one go from the first to the last
//	volume.go    superblock and groups: what is there, what is free
//	group.go     a group's bitmaps and its descriptor
//	inode.go     an inode's 256 bytes
//	extent.go    where a file's bytes are
//	data.go      copies a file's bytes, holes as holes
//	dir.go       directories of one block
//	htree.go     directories of more: an index by hash
//	hash.go      that hash
//	xattr.go     extended attributes, in the inode or in a block of their own
//	acl.go       access control lists, which ext4 packs in its own way
//	checksum.go  the checksums of all of these
//	bytes.go     numbers as they lie there
//
// A tree is trusted in its form and in nothing else: what ext4 has no room for is an error
// with the path of the file. All that is written lies in the file that Fill gets.
package ext4
