// Package balloon is a virtio memory balloon: the guest gives memory back to the host, when the
// host asks for it and when the guest has it to spare.
//
// The specification is virtio 1.2 section 5.5; its section numbers are cited below. The device has
// ID 5.
//
//	queue  name       a request (section 5.5.6)                     what the device does
//	-----  ---------  --------------------------------------------  -----------------------------
//	0      inflateq   array of page numbers, le32, units of 4 KiB   gives the pages to the host
//	1      deflateq   the same                                      nothing: see below
//	2      statsq     array of {tag le16, value le64}               keeps it until Balloon.Stats
//	3, 4   reporting  buffers for the device to write, free memory  gives their pages to the host
//
// The specification counts the reporting queue as number 4 and the queue of free page hints, a feature
// that is not offered, as number 3 (section 5.5.2). Linux on virtio-mmio leaves no number out and so
// has its reports on queue 3 (drivers/virtio/virtio_mmio.c, vm_find_vqs). Here both are for reports,
// and so is queue 2 for a driver without statistics.
//
//	bit  feature         offered
//	---  --------------  -------------------------------------------------------------------
//	0    MUST_TELL_HOST  no: a page is the guest's again whenever the guest touches it
//	1    STATS_VQ        yes
//	2    DEFLATE_ON_OOM  if Config says so: the driver may take pages back when it runs out
//	3    FREE_PAGE_HINT  no
//	4    PAGE_POISON     with PAGE_REPORTING, which a Linux that clears freed memory asks for
//	5    PAGE_REPORTING  if Config says so
//
// The configuration space is drawn in config.go.
//
// # What happens to a page
//
// A page of the balloon, or one that was reported, is discarded ([memory.Discard]) before the request
// is answered: it takes no memory of the host, until the guest touches it and finds a page of
// zeros. So there is nothing to do for deflation, and a page number that the guest had no right to
// give, its ring's or its kernel's, harms that guest and nobody else. Page numbers outside RAM are
// counted and ignored.
//
// If the driver says by PAGE_POISON that free pages hold anything but zeros, reported pages must
// keep that (section 5.5.6.7) and are left alone.
//
// Read balloon.go first, then pages.go and stats.go.
package balloon
