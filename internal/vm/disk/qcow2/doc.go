// Package qcow2 reads disk images in QEMU's qcow2 format, versions 2 and 3, with
// compressed (zlib, zstd) and zero clusters. The specification is QEMU's
// docs/interop/qcow2.rst; bit numbers and names in comments are its own.
//
//	header.go      the header, checked before anything is believed
//	image.go       from an offset of the disk to bytes: L1, L2, cluster
//	tables.go      L1 in memory, L2 in a small cache
//	compressed.go  compressed clusters
//	check.go       the consistency of a whole image; owners.go has snapshots and bitmaps,
//	               counts.go how often each cluster is used
//
// An image may come from anybody. One that names other files, a backing file or an
// external data file, is refused: reading them would show a guest whatever file the
// image's author wished to see. So are encrypted images, internal L2 subclusters and
// images marked as corrupt. Memory is bounded by constants and by the L1 table, which
// has 8 bytes for each 512 MiB at the usual cluster size; nothing panics.
package qcow2
