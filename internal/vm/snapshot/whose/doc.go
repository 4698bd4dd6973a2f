// Package whose says whose the pages are that differ between two snapshots of a guest: the kernel's, by the names of its variables; a
// virtio queue's; page tables; the program that ran; or nobody's that can be told from the two images alone.
//
//	whose.go    Tell: the owners, in the order in which they are asked; what it says of each
//	tables.go   the guest's page tables: what is mapped where
//	kernel.go   the names of a kernel's variables, from its System.map
//	sections.go the parts of a kernel in a guest's memory, and which variables changed
//	write.go    the table
//
// It claims what it can show and no more. Names are those of a kernel whose build ID is in the guest's memory. Page tables are walked from
// the CR3 of each CPU. Whose the rest is (a process that did not run, a file in the page cache, the slab) only the kernel's own
// structures know, whose layout a System.map does not have.
//
// Every byte of an image is the guest's: addresses are looked up, never followed beyond RAM, and all walks have a budget.
package whose
