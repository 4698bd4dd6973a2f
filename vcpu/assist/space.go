package assist

import (
	"terem/kvm"
	"terem/memory"
)

// maxArea is the most that one instruction moves, in bytes: an XSAVE area. It is one page, so that
// no access touches more than two.
const maxArea = memory.PageSize

func newPager(m *memory.Guest, regs *kvm.Regs, s *kvm.Sregs) pager {
	return pager{
		m: m, cr0: s.CR0, cr3: s.CR3, cr4: s.CR4, efer: s.EFER,
		user: cpl(s) == 3,
		ac:   regs.RFLAGS&flagAC != 0,
	}
}

// cpl is the current privilege level: the DPL of SS (SDM vol. 3, section 5.5).
func cpl(s *kvm.Sregs) uint8 { return s.SS.DPL & 3 }

// longMode says whether the vCPU runs 64-bit code with paging.
func longMode(s *kvm.Sregs) bool {
	return s.CR0&cr0PG != 0 && s.EFER&eferLMA != 0 && s.CS.L != 0
}

// span gives the n bytes at linear, 1 to maxArea, as one or two pieces of guest RAM. All of it is
// checked before any of it is given.
func (p *pager) span(linear uint64, n int, a access) (first, second []byte, err error) {
	left := memory.PageSize - int(linear%memory.PageSize)
	first, err = p.piece(linear, min(n, left), a)
	if err != nil || n <= left {
		return first, nil, err
	}
	second, err = p.piece(linear+uint64(left), n-left, a)
	return first, second, err
}

// piece is span within one page.
func (p *pager) piece(linear uint64, n int, a access) ([]byte, error) {
	at, err := p.translate(linear, a)
	if err != nil {
		return nil, err
	}
	b, err := p.m.Slice(at, uint64(n))
	if err != nil {
		return nil, errNotRAM
	}
	return b, nil
}

// read fills dst, at most maxArea bytes, from linear on.
func (p *pager) read(linear uint64, dst []byte) error {
	first, second, err := p.span(linear, len(dst), accessRead)
	if err != nil {
		return err
	}
	copy(dst[copy(dst, first):], second)
	return nil
}

// write stores src, at most maxArea bytes, from linear on.
func (p *pager) write(linear uint64, src []byte) error {
	first, second, err := p.span(linear, len(src), accessWrite)
	if err != nil {
		return err
	}
	copy(second, src[copy(first, src):])
	return nil
}

// fetch reads code at linear into dst and returns how much of it could be read: an instruction may
// be the last of a page whose neighbour is not mapped.
func (p *pager) fetch(linear uint64, dst []byte) (int, error) {
	left := memory.PageSize - int(linear%memory.PageSize)
	b, err := p.piece(linear, min(len(dst), left), accessFetch)
	if err != nil {
		return 0, err
	}
	n := copy(dst, b)
	if n < len(dst) {
		if b, err = p.piece(linear+uint64(n), len(dst)-n, accessFetch); err == nil {
			n += copy(dst[n:], b)
		}
	}
	return n, nil
}
