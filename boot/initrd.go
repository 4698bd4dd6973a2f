package boot

import (
	"fmt"
	"math"

	"terem/internal/fault"
	"terem/memory"
)

// span is a range of guest-physical addresses, from start up to but not including end.
type span struct{ start, end memory.Addr }

func (s span) size() uint64 { return uint64(s.end - s.start) }

// place reads the initrd to the highest page at which it ends at or below limit, and clear of the
// kernel, which ends at kernelEnd. A nil initrd, or an empty one, takes no place.
func (i *Initrd) place(m *memory.Guest, kernelEnd, limit memory.Addr) (span, error) {
	if i == nil || i.Size == 0 {
		return span{}, nil
	}
	thing := "initrd"
	if i.Name != "" {
		thing += " " + i.Name
	}
	if i.Size < 0 || i.Size > math.MaxUint32 {
		return span{}, &fault.Error{Class: fault.Usage, Thing: thing, Cause: fmt.Sprintf("%d bytes is more than a kernel can take (4 GiB)", i.Size),
			Mend: "make a smaller one"}
	}
	size := uint64(i.Size)
	top := min(limit, m.LowEnd())
	if top < kernelEnd || size > uint64(top-kernelEnd) || pageDown(top-memory.Addr(size)) < kernelEnd {
		return span{}, noRoom(m, thing, uint64(kernelEnd)+size, "its %s do not fit between the kernel's end at %v and %v",
			sizeString(size), kernelEnd, top)
	}
	s := span{start: pageDown(top - memory.Addr(size))}
	s.end = s.start + memory.Addr(size)
	if err := m.Fill(s.start, i.R, 0, size); err != nil {
		return span{}, truncated(thing, err, "cannot be read")
	}
	return s, nil
}

// size is how many bytes there are to read; a nil initrd has none.
func (i *Initrd) size() uint64 {
	if i == nil || i.Size < 0 {
		return 0
	}
	return uint64(i.Size)
}

func pageDown(a memory.Addr) memory.Addr { return a &^ (memory.PageSize - 1) }
