package qcow2

import (
	"bytes"
	"fmt"
	"io"
	"sync"
)

// NewDecoder makes a decoder for "zlib" or "zstd"; inflate.New is one. A decoder unpacks one cluster after the other: it begins
// one, and gives a reader of what that unpacks to. It need not be closed. Several may be in use at once.
type NewDecoder func(compression string) (decode func(packed *bytes.Reader) (io.Reader, error), err error)

// inflated keeps the clusters that were inflated last: a guest reads in smaller
// pieces than a cluster.
type inflated struct {
	mu   sync.Mutex
	last [2]plainCluster
	turn int
	pool sync.Pool // of *inflater
}

type plainCluster struct {
	desc uint64 // 0: empty
	b    []byte
}

// inflater is what it takes to inflate one cluster.
type inflater struct {
	in     []byte
	plain  []byte
	src    bytes.Reader
	decode func(*bytes.Reader) (io.Reader, error)
}

// readCompressed copies n bytes at within of a compressed cluster.
func (im *Image) readCompressed(w *window, desc uint64, within, n int64) error {
	if im.plain.copy(w, desc, within, n) {
		return nil
	}
	inf, ok := im.plain.pool.Get().(*inflater)
	if !ok {
		inf = &inflater{}
	}
	defer im.plain.pool.Put(inf)
	if err := im.inflate(inf, desc); err != nil {
		return err
	}
	w.fill(inf.plain[within : within+n])
	inf.plain = im.plain.keep(desc, inf.plain)
	return nil
}

// copy serves a request from the kept clusters, if one is the right one.
func (k *inflated) copy(w *window, desc uint64, within, n int64) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	for i := range k.last {
		if k.last[i].desc == desc && desc != 0 {
			w.fill(k.last[i].b[within : within+n])
			return true
		}
	}
	return false
}

// keep stores a cluster, and gives another buffer for it; nil if there is none yet.
func (k *inflated) keep(desc uint64, b []byte) []byte {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.turn = (k.turn + 1) % len(k.last)
	old := k.last[k.turn].b
	k.last[k.turn] = plainCluster{desc, b}
	return old
}

// extent decodes a compressed cluster descriptor: with x = 62 - (cluster bits - 8),
// bits 0 to x-1 are an offset of any alignment, and bits x to 61 count the sectors
// that follow its own.
func (im *Image) extent(desc uint64) (off, n int64, err error) {
	x := 62 - (im.ClusterBits - 8)
	off = int64(desc & (1<<x - 1))
	n = int64(desc>>x+1)*sector - off%sector
	if off == 0 || off >= im.src.Size() {
		return 0, 0, corrupt("a compressed cluster at %#x, outside the file", off)
	}
	return off, min(n, im.src.Size()-off), nil
}

// inflate leaves the cluster in inf.plain.
func (im *Image) inflate(inf *inflater, desc uint64) error {
	off, n, err := im.extent(desc)
	if err != nil {
		return err
	}
	if inf.plain == nil {
		inf.plain = make([]byte, im.cluster())
	}
	if int64(cap(inf.in)) < n {
		inf.in = make([]byte, n)
	}
	inf.in = inf.in[:n]
	if err := im.src.ReadVec([][]byte{inf.in}, off); err != nil {
		return err
	}
	inf.src.Reset(inf.in)
	if err := inf.unpack(im); err != nil {
		// Not wrapped: io.ErrUnexpectedEOF here is not the end of the file.
		return corrupt("the compressed cluster at %#x: %s", off, fmt.Sprint(err))
	}
	return nil
}

// unpack unpacks inf.src into inf.plain.
func (inf *inflater) unpack(im *Image) (err error) {
	if inf.decode == nil {
		if inf.decode, err = im.decoder(im.Compression); err != nil {
			return err
		}
	}
	r, err := inf.decode(&inf.src)
	if err != nil {
		return err
	}
	_, err = io.ReadFull(r, inf.plain)
	return err
}
