package blk

// Backend is where a disk's bytes are. Offsets and sizes are in bytes, multiples of the logical
// block size and within Size. The methods are called from several goroutines at once; overlapping
// requests that are under way at the same time may take effect in any order. Nothing is called
// after Close.
type Backend interface {
	// Size is the disk's size, a multiple of the logical block size. It does not change.
	Size() int64

	// ReadVec fills the slices of iov, in order, with what is at off; WriteVec is the reverse. They
	// do all of it or give an error. The slices are guest RAM: never empty, of any length and
	// alignment, and only valid until the call returns.
	ReadVec(iov [][]byte, off int64) error
	WriteVec(iov [][]byte, off int64) error

	// Flush returns when all that was written before the call is on the medium. After an error,
	// nobody knows what is.
	Flush() error

	// Discard says that nobody needs these bytes any more: what they read as is undefined.
	Discard(off, n int64) error

	// WriteZeroes makes these bytes zero. With unmap, their space may be given back.
	WriteZeroes(off, n int64, unmap bool) error

	Close() error
}

// Quick is a Backend that can tell beforehand whether a transfer would have to wait for a medium.
// A raw file uses preadv2 with RWF_NOWAIT.
type Quick interface {
	Backend

	// TryReadVec does as ReadVec does, if it need not wait. Otherwise it reports false and no error,
	// and what iov then holds is undefined.
	TryReadVec(iov [][]byte, off int64) (done bool, err error)

	// TryWriteVec does as WriteVec does, if it is not expected to wait: a write into a page cache
	// counts as quick, and if it waits all the same, the next writes are not tried. Otherwise it
	// reports false and no error, and may have written a part.
	TryWriteVec(iov [][]byte, off int64) (done bool, err error)
}
