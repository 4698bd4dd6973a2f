package trace

import (
	"math"
	"time"

	"terem/kvm"
	"terem/vcpu"
)

// Sample is the reason of a record that is no exit: a look at where the guest was.
const Sample = 255

// Record is one exit, or a sample.
type Record struct {
	At     uint64 // nanoseconds since the trace began
	Took   uint32 // nanoseconds until the guest was entered again
	Reason uint8
	Write  bool
	Size   uint8
	Kept   uint8
	RIP    uint64
	Addr   uint64
	Count  uint32
	Data   [8]byte
}

// Mask is a set of exit reasons.
type Mask uint64

// Has says whether a reason is in it.
func (m Mask) Has(r kvm.ExitReason) bool { return m>>min(r, kvm.NumExitReasons-1)&1 != 0 }

// All are all reasons.
const All Mask = math.MaxUint64

// Ring keeps a vCPU's last records (vcpu.Tracer). It is the vCPU's thread's own until that stands.
type Ring struct {
	records []Record
	n       uint64 // written so far
	only    Mask
	samples bool
}

// NewRing makes a ring of size records, of exits of some reasons; or of samples alone, if there are no reasons.
func NewRing(size int, only Mask) *Ring {
	return &Ring{records: make([]Record, max(1, size)), only: only, samples: only == 0}
}

func (r *Ring) next() *Record {
	e := &r.records[r.n%uint64(len(r.records))]
	r.n++
	return e
}

// Exit keeps an exit.
func (r *Ring) Exit(x *vcpu.Exit) {
	if !r.only.Has(x.Reason) {
		return
	}
	*r.next() = Record{
		At: uint64(x.At), Took: uint32(min(x.Took, math.MaxUint32)), Reason: uint8(x.Reason), Write: x.Write, Size: x.Size, Kept: x.Kept,
		RIP: x.RIP, Addr: x.Addr, Count: x.Count, Data: x.Data,
	}
}

// Interrupted keeps a sample.
func (r *Ring) Interrupted(x *vcpu.Exit) {
	if r.samples {
		*r.next() = Record{At: uint64(x.At), Reason: Sample, RIP: x.RIP}
	}
}

// Records are those that are left, the oldest first, and how many are not.
func (r *Ring) Records() (list []Record, lost uint64) {
	size := uint64(len(r.records))
	if r.n <= size {
		return r.records[:r.n], 0
	}
	first := r.n % size
	return append(append(list, r.records[first:]...), r.records[:first]...), r.n - size
}

// Name is a reason's name.
func (r *Record) Name() string {
	if r.Reason == Sample {
		return "sample"
	}
	return kvm.ExitReason(r.Reason).String()
}

// When is At as a duration.
func (r *Record) When() time.Duration { return time.Duration(min(r.At, math.MaxInt64)) }

// Place is where an access went: a port, or a page of memory; is is false for other records.
func (r *Record) Place() (p Place, is bool) {
	const page = 1 << 12
	switch r.Reason {
	case uint8(kvm.ExitIO):
		return Place{Addr: r.Addr}, true
	case uint8(kvm.ExitMMIO):
		return Place{Addr: r.Addr &^ (page - 1), Memory: true}, true
	}
	return p, false
}

// Kernel says whether an address is in the half of a kernel's, where x86-64 has one.
func Kernel(rip uint64) bool { return rip>>63 != 0 }
