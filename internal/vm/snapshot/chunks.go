package snapshot

import (
	"context"
	"runtime"
	"slices"
	"sync"

	"terem/memory"
)

// ChunkSize is how much of a region has one sum, in bytes. The last chunk of a region may be shorter.
const ChunkSize = 2 << 20

// chunkPages is how many pages a whole chunk has.
const chunkPages = ChunkSize / memory.PageSize

// chunk is a part of RAM that has a sum.
type chunk struct {
	number int
	addr   memory.Addr
	off    int64 // in DIR/memory
	size   int
}

func (c chunk) pages() int { return c.size / memory.PageSize }

// page is the number of the first one, counted through all regions.
func (c chunk) page() uint64 { return uint64(c.off) / memory.PageSize }

func countChunks(regions []memory.Span) int {
	n := uint64(0)
	for _, r := range regions {
		n += (r.Size + ChunkSize - 1) / ChunkSize
	}
	return int(n)
}

// eachChunk calls a worker with each chunk of some regions, in their order, on a few goroutines; each has a worker of its own. The
// error is that of the first chunk that has one.
func eachChunk(ctx context.Context, regions []memory.Span, newWorker func() worker) error {
	const most = 4 // CPUs: the kernel lets one at a time write to a file
	q := queue{left: slices.Clone(regions)}
	var wg sync.WaitGroup
	for range min(most, runtime.GOMAXPROCS(0), countChunks(regions)) {
		wg.Go(func() {
			w := newWorker()
			defer w.end()
			for c, ok := q.next(ctx); ok; c, ok = q.next(ctx) {
				if err := w.do(c); err != nil {
					q.fail(c.number, err)
				}
			}
		})
	}
	wg.Wait()
	return q.err
}

type worker interface {
	do(c chunk) error
	end()
}

// queue gives chunks out in order, until there are no more or one has failed.
type queue struct {
	mu     sync.Mutex
	left   []memory.Span
	number int
	off    int64
	err    error
	failed int // the chunk of err
}

func (q *queue) next(ctx context.Context) (c chunk, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err != nil || len(q.left) == 0 {
		return chunk{}, false
	}
	if q.err, q.failed = ctx.Err(), q.number; q.err != nil {
		return chunk{}, false
	}
	r := &q.left[0]
	c = chunk{number: q.number, addr: r.Addr, off: q.off, size: int(min(r.Size, ChunkSize))}
	q.number, q.off = q.number+1, q.off+int64(c.size)
	if r.Addr, r.Size = r.Addr+memory.Addr(c.size), r.Size-uint64(c.size); r.Size == 0 {
		q.left = q.left[1:]
	}
	return c, true
}

func (q *queue) fail(number int, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err == nil || number < q.failed {
		q.err, q.failed = err, number
	}
}
