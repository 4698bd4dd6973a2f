package snapshot

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"terem/memory"
)

// noting notes chunks and lets f say what becomes of them.
type noting struct {
	mu    *sync.Mutex
	seen  *[]chunk
	ended *int
	f     func(c chunk) error
}

func (n noting) do(c chunk) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	*n.seen = append(*n.seen, c)
	return n.f(c)
}

func (n noting) end() {
	n.mu.Lock()
	defer n.mu.Unlock()
	*n.ended++
}

func runNoting(t *testing.T, ctx context.Context, regions []memory.Span, f func(c chunk) error) ([]chunk, error) {
	t.Helper()
	var (
		mu             sync.Mutex
		seen           []chunk
		started, ended int
	)
	err := eachChunk(ctx, regions, func() worker {
		mu.Lock()
		defer mu.Unlock()
		started++
		return noting{&mu, &seen, &ended, f}
	})
	if started != ended || started > 4 {
		t.Errorf("%d workers began, %d ended", started, ended)
	}
	slices.SortFunc(seen, func(a, b chunk) int { return a.number - b.number })
	return seen, err
}

func TestEachChunk(t *testing.T) {
	regions := []memory.Span{{Addr: 4096, Size: ChunkSize + 4096}, {Addr: memory.HighRAM, Size: ChunkSize}, {Addr: 1 << 40, Size: 8192}}
	seen, err := runNoting(t, t.Context(), regions, func(chunk) error { return nil })
	want := []chunk{
		{0, 4096, 0, ChunkSize},
		{1, 4096 + ChunkSize, ChunkSize, 4096},
		{2, memory.HighRAM, ChunkSize + 4096, ChunkSize},
		{3, 1 << 40, 2*ChunkSize + 4096, 8192},
	}
	if err != nil || !slices.Equal(seen, want) || countChunks(regions) != len(want) {
		t.Errorf("%v, %v, want %v", seen, err, want)
	}
	if regions[0].Addr != 4096 {
		t.Error("the regions have changed")
	}
}

// TestEachChunkFails: the first chunk that fails is told, and soon no others are begun.
func TestEachChunkFails(t *testing.T) {
	errThird, errLater := errors.New("third"), errors.New("later")
	regions := []memory.Span{{Size: 1000 * ChunkSize}}
	for range 50 {
		seen, err := runNoting(t, t.Context(), regions, func(c chunk) error {
			switch {
			case c.number == 3:
				return errThird
			case c.number > 3:
				return errLater
			}
			return nil
		})
		if !errors.Is(err, errThird) || len(seen) > 3+4 {
			t.Fatalf("%d chunks, %v", len(seen), err)
		}
	}
}

func TestEachChunkCanceled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	seen, err := runNoting(t, ctx, []memory.Span{{Size: 1000 * ChunkSize}}, func(c chunk) error {
		if c.number == 5 {
			cancel()
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) || len(seen) > 6+4 {
		t.Errorf("%d chunks, %v", len(seen), err)
	}
}
