// Package share gives a guest a directory of the host's: `terem run --share DIR:PATH`.
//
//	guest's kernel   virtiofs: FUSE requests in a virtqueue
//	terem            devices/virtio/fs; Server, which is here: carries requests and answers over
//	terem-share      package process: another process for each directory, in a sandbox; package tree has the files
//
// Between the two processes is a piece of memory that both have mapped, with a slot for each request that may be under way, and for each
// slot a socket pair (wire.go). A request is copied out of guest RAM into its slot, eight bytes say how long it is, and eight bytes
// come back when the answer is there. So the process that handles files has neither the guest's RAM nor any other descriptor of
// terem's, and what it reads does not change under its eyes.
//
// Why that is a process of its own: docs/adr/0029-shared-files-by-a-process-of-their-own.md.
package share
