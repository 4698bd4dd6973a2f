// Package blk is a virtio block device, a disk.
//
// The specification is virtio 1.2 section 5.2; its section numbers are cited below. Where the
// bytes of the disk are kept is a [Backend]'s business.
//
// # A request
//
// The driver lays a request out in buffers as it pleases: only the order of the bytes and who
// writes them count (section 5.2.6.4).
//
//	bytes  field   who     what
//	-----  ------  ------  -----------------------------------------------------------
//	4      type    driver  IN 0, OUT 1, FLUSH 4, GET_ID 8, DISCARD 11, WRITE_ZEROES 13
//	4      -       driver  reserved
//	8      sector  driver  where, in units of 512 bytes
//	n      data    driver  OUT: the bytes; DISCARD and WRITE_ZEROES: 16-byte segments
//	               device  IN: the bytes; GET_ID: 20 bytes
//	1      status  device  OK 0, IOERR 1, UNSUPP 2
//
// request.go reads one once, checks it as a whole, and only then is anything done. A request that
// is wrong gets an error status; one that leaves no room for a status breaks the queue.
//
// # The way of a request
//
// Each queue has a goroutine, its lane (lane.go). It takes requests until the ring is empty and
// joins neighbours on the disk to one run (run.go), which is one preadv or pwritev straight from
// or into guest RAM. A backend that knows its page cache (the interface [Quick]) is asked for the
// run at once. What would block, and every flush and discard, goes to one of the disk's workers
// (pool.go), which start as they are needed: that many requests are with the host's disk at the
// same time. Whoever carried a run out writes its statuses and hands it back; the driver is
// interrupted once for many.
//
// # What a flush promises
//
// A write completes when the backend has taken it, a flush when [Backend.Flush] has come back that
// was called after the flush was taken from the queue. So what had completed when the driver
// submitted the flush is on the medium (section 5.2.6.4). Flushes that wait at the same time share
// one call (flush.go). In writethrough mode each write does the same before it completes. Which
// mode holds is the driver's choice if it took CONFIG_WCE (section 5.2.5); a driver that took
// neither CONFIG_WCE nor FLUSH cannot flush, so its writes go through.
//
// A flush that failed has lost writes of which nobody knows any more which they were: the host
// reports that once and then forgets it. So every later flush of this disk fails too.
//
// Read request.go first, then lane.go and act.go; config.go is the configuration space. Why there are
// workers and no io_uring is docs/adr/0013-disk-io-by-workers.md.
package blk
