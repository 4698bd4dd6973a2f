package exercise

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
)

const readSlots = api + "#kvm-set-user-memory-region"

// mmio is exercise 4: a second region, and a device in memory.
func mmio() *Exercise {
	return &Exercise{Number: 4, Name: "04-mmio", Title: "a second region, and a device in memory", Checks: []Check{
		{Name: "two regions", Points: 2, Do: twoRegions},
		{Name: "reads", Points: 2, Do: mmioReads},
		{Name: "writes", Points: 2, Do: mmioWrites},
		{Name: "nobody's accesses", Points: 1, Do: nobodysMemory},
		{Name: "a guest with a lamp", Points: 3, KVM: true, Do: guestWithLamp},
	}}
}

// region is memory that a VM is to have.
type region struct {
	Addr uint64 `json:"addr"`
	Size uint64 `json:"size"`
}

// slot is what the VM was told.
type slot struct {
	Slot   uint32 `json:"slot"`
	Addr   uint64 `json:"addr"`
	Size   uint64 `json:"size"`
	Region int    `json:"region"`
}

func twoRegions(s Subject) error {
	r := s.Rand()
	list := []region{{0x100000 + 4096*r.Uint64N(256), 4096 * (1 + r.Uint64N(8))}, {0, 65536}, {1<<32 + 4096*r.Uint64N(256), 4096}}
	list = list[:2+r.IntN(2)]
	var a struct {
		Slots []slot `json:"slots"`
		Error string `json:"error"`
	}
	if err := s.Ask(Question{Op: "add", Args: list}, &a); err != nil {
		return err
	}
	if a.Error == notWritten {
		return unwritten("AddMemory", readSlots)
	}
	w := &Wrong{Seen: fmt.Sprintf("%d regions; error %q; slots %v", len(list), a.Error, describe(a.Slots)), Read: readSlots,
		Expected: fmt.Sprintf("%d slots with different numbers, each a region's address, size and memory", len(list))}
	used := map[uint32]bool{}
	for _, t := range a.Slots {
		if used[t.Slot] {
			w.Cause = "a slot number is reused: the second call with a number changes or moves that slot, it does not make another one"
			return w
		}
		used[t.Slot] = true
	}
	if len(a.Slots) != len(list) || a.Error != "" {
		w.Cause = "not every region became a slot"
		return w
	}
	for _, t := range a.Slots {
		if t.Region < 0 || t.Region >= len(list) || t.Addr != list[t.Region].Addr || t.Size != list[t.Region].Size {
			w.Cause = "a slot has another region's address, size or memory"
			return w
		}
	}
	return nil
}

func describe(list []slot) (text []string) {
	for _, t := range list[:min(len(list), 8)] {
		text = append(text, fmt.Sprintf("%d: %s+%s", t.Slot, hex(t.Addr), hex(t.Size)))
	}
	return text
}

// touch is an access to memory as KVM describes it (kvm.h, struct kvm_run, mmio).
type touch struct {
	addr  uint64
	n     int
	write bool
}

func (a touch) String() string {
	if a.write {
		return fmt.Sprintf("a write of %d bytes to %s", a.n, hex(a.addr))
	}
	return fmt.Sprintf("a read of %d bytes at %s", a.n, hex(a.addr))
}

func (a touch) page(r *rand.Rand) []byte {
	p := make([]byte, 4096)
	for i := range p {
		p[i] = byte(r.Uint32())
	}
	binary.LittleEndian.PutUint32(p[8:], exitMMIO)
	binary.LittleEndian.PutUint64(p[32:], a.addr)
	binary.LittleEndian.PutUint32(p[48:], uint32(a.n))
	p[52] = 0
	if a.write {
		p[52] = 1
	}
	return p
}

// place is where the device is, and what its registers have.
type place struct {
	Base  uint64 `json:"base"`
	Size  uint64 `json:"size"`
	Regs  []byte `json:"regs"`
	Page  []byte `json:"page,omitempty"`
	Entry uint16 `json:"entry,omitempty"`
	At    uint64 `json:"at,omitempty"`
}

func newPlace(r *rand.Rand) place {
	p := place{Base: 0xd0000 + 0x1000*r.Uint64N(1000), Size: 32 + 8*r.Uint64N(8)}
	p.Regs = make([]byte, p.Size)
	for i := range p.Regs {
		p.Regs[i] = byte(r.Uint32())
	}
	return p
}

// call is what a device was asked.
type call struct {
	Write bool   `json:"write"`
	Off   uint64 `json:"off"`
	Data  []byte `json:"data"`
	Len   int    `json:"len"`
}

func (c call) String() string {
	if c.Write {
		return fmt.Sprintf("Write(%s, % x)", hex(c.Off), c.Data)
	}
	return fmt.Sprintf("Read(%s, %d bytes)", hex(c.Off), c.Len)
}

// touched is what came of an access.
type touched struct {
	Page  []byte `json:"page"`
	Calls []call `json:"calls"`
	Regs  []byte `json:"regs"`
	Error string `json:"error"`
}

func (a touch) handle(s Subject, p place) (before []byte, t touched, err error) {
	p.Page = a.page(s.Rand())
	if err = s.Ask(Question{Op: "mmio", Args: p}, &t); err != nil {
		return nil, t, err
	}
	switch {
	case t.Error == notWritten:
		err = unwritten("HandleMMIO", readRun)
	case t.Error != "":
		err = &Wrong{Seen: fmt.Sprintf("%v: error %q", a, t.Error), Expected: "no error: a guest may access any address",
			Cause: "HandleMMIO fails where a PC just has nobody to answer", Read: readRun}
	case len(t.Page) != len(p.Page):
		err = anotherPage(len(t.Page))
	}
	return p.Page, t, err
}

const mmioData = 40 // where the bytes of an access are in the page

func mmioReads(s Subject) error {
	r := s.Rand()
	for _, n := range []int{1, 2, 4, 8} {
		p := newPlace(r)
		off := 8 * r.Uint64N(p.Size/8-1)
		a := touch{addr: p.Base + off, n: n}
		before, t, err := a.handle(s, p)
		if err != nil {
			return err
		}
		data, want := t.Page[mmioData:][:n], p.Regs[off:][:n]
		if bytes.Equal(data, want) && len(t.Calls) == 1 && !t.Calls[0].Write && t.Calls[0].Len == n {
			continue
		}
		w := &Wrong{Seen: fmt.Sprintf("%v: the device was asked %v, the guest gets % x", a, t.Calls, data),
			Expected: fmt.Sprintf("Read(%s, %d bytes), % x", hex(off), n, want), Read: readRun}
		w.Cause = whyNotRead(p, a, before, t)
		return w
	}
	return nil
}

func whyNotRead(p place, a touch, before []byte, t touched) string {
	unchanged := bytes.Equal(t.Page[mmioData:][:a.n], before[mmioData:][:a.n])
	switch {
	case len(t.Calls) == 0 && unchanged:
		return "the read is not answered: what lies in the page goes into the guest's register"
	case len(t.Calls) == 0:
		return "the device was not asked, though the access is within it"
	case t.Calls[0].Write:
		return "a read was given to the device as a write: is_write says which it is"
	case t.Calls[0].Off != a.addr-p.Base:
		return "the offset is wrong: it counts from the device's first register, not from address 0"
	case t.Calls[0].Len != a.n:
		return "HandleMMIO ignores len: the device must be asked for as many bytes as the guest reads, since reading a register may change the next one"
	}
	return "what the device answered did not come into the page: data begins at offset 40"
}

func mmioWrites(s Subject) error {
	r := s.Rand()
	for _, n := range []int{8, 4, 2, 1} {
		p := newPlace(r)
		off := 8 * r.Uint64N(p.Size/8-1)
		a := touch{addr: p.Base + off, n: n, write: true}
		before, t, err := a.handle(s, p)
		if err != nil {
			return err
		}
		want := call{Write: true, Off: off, Len: n, Data: before[mmioData:][:n]}
		if len(t.Calls) == 1 && t.Calls[0].Write && t.Calls[0].Off == off && bytes.Equal(t.Calls[0].Data, want.Data) {
			continue
		}
		w := &Wrong{Seen: fmt.Sprintf("%v: the device was asked %v", a, t.Calls), Expected: fmt.Sprint(want), Read: readRun}
		switch {
		case len(t.Calls) == 0:
			w.Cause = "a write within the device did not reach it"
		case !t.Calls[0].Write:
			w.Cause = "a write was given to the device as a read: is_write says which it is"
		case t.Calls[0].Off != off:
			w.Cause = "the offset is wrong: it counts from the device's first register, not from address 0"
		case t.Calls[0].Len != n:
			w.Cause = "HandleMMIO ignores len: of the eight bytes of data only so many are the guest's, and the others would overwrite the device's next registers"
		default:
			w.Cause = "the bytes are not those of the access: data begins at offset 40"
		}
		return w
	}
	return nil
}

// nobodysMemory has accesses that are not, or not all, within the device.
func nobodysMemory(s Subject) error {
	p := newPlace(s.Rand())
	for _, a := range []touch{
		{p.Base - 4, 4, false}, {p.Base + p.Size, 8, false}, {p.Base - 1, 1, true}, {p.Base + p.Size, 1, true}, {^uint64(7), 8, false},
		{p.Base + p.Size - 4, 8, false}, {p.Base + p.Size - 2, 4, true}, {p.Base - 4, 8, true},
	} {
		_, t, err := a.handle(s, p)
		if err != nil {
			return err
		}
		ones := bytes.Repeat([]byte{0xff}, a.n)
		data := t.Page[mmioData:][:a.n]
		if len(t.Calls) == 0 && (a.write || bytes.Equal(data, ones)) {
			continue
		}
		w := &Wrong{
			Seen:     fmt.Sprintf("the device has %s to %s; %v: it was asked %v, the guest gets % x", hex(p.Base), hex(p.Base+p.Size-1), a, t.Calls, data),
			Expected: "the device is not asked, and a read gives all ones", Read: readRun,
			Cause: "a read that nobody answers must give all ones",
		}
		if len(t.Calls) > 0 {
			w.Cause = "the access is not within the device, or not all of it: the last byte must be looked at as well as the first, and compare sizes before you add them"
		}
		return w
	}
	return nil
}

// guestWithLamp has a guest copy between its second region and the device.
func guestWithLamp(s Subject) error {
	r := s.Rand()
	const entry, window = 0x1000, 0xd0000
	p := newPlace(r)
	p.Base, p.Entry, p.At = window, entry, 0x40000+0x10000*r.Uint64N(5)
	low, err := newRAM(realModeRAM)
	if err != nil {
		return err
	}
	defer low.Close()
	high, err := newRAM(realModeRAM)
	if err != nil {
		return err
	}
	defer high.Close()
	g := newSum(r, 5)
	from, to, at := uint16(8*r.Uint64N(p.Size/8)), byte(8*r.Uint64N(p.Size/8)), uint16(2*r.IntN(0x4000))
	segment := byte(p.At >> 12)
	g.add(0xb9, 0x00, segment, 0xba, 0x00, window>>12) // mov cx, high; mov dx, device
	g.add(0x8e, 0xd9)                                  // mov ds, cx
	g.store(at)                                        // the result into the second region
	g.add(0x8e, 0xda, 0xa2, to, 0x00)                  // mov ds, dx; mov [to], al: a byte into the device
	g.add(0xa1, byte(from), byte(from>>8))             // mov ax, [from]: a word from it
	g.add(0x8e, 0xd9)                                  // mov ds, cx
	g.store(at + 2)
	g.halt()
	if err := low.put(entry, g.code); err != nil {
		return err
	}
	want := append(g.bytes(), p.Regs[from:][:2]...)
	wantRegs := bytes.Clone(p.Regs)
	wantRegs[to] = g.bytes()[0]
	if from == uint16(to) {
		want[2] = g.bytes()[0]
	}
	var a struct {
		Exit ran `json:"exit"`
		touched
	}
	if err := s.Ask(Question{Op: "run", Args: p, Files: []*os.File{s.KVM(), low.File, high.File}}, &a); err != nil {
		return err
	}
	got, err := high.get(int64(at), 4)
	if err != nil {
		return err
	}
	if a.Exit.Error == "" && a.Exit.Exit == exitHLT && bytes.Equal(got, want) && bytes.Equal(a.Regs, wantRegs) {
		return namesOther(r, []left{leavesByIO(r), leavesByFault()}, func(memory ram, entry uint16) (ran, error) {
			p.Entry = entry
			var a struct{ Exit ran }
			err := s.Ask(Question{Op: "run", Args: p, Files: []*os.File{s.KVM(), memory.File, high.File}}, &a)
			return a.Exit, err
		})
	}
	w := &Wrong{
		Seen:     fmt.Sprintf("exit %d, error %q; in the second region % x; the device was asked %v", a.Exit.Exit, a.Exit.Error, got, a.Calls),
		Expected: fmt.Sprintf("exit %d (HLT), no error; in the second region % x; Write(%s, %02x), Read(%s, 2 bytes)", exitHLT, want, hex(to), wantRegs[to], hex(from)),
		Read:     api + "#kvm-run",
	}
	switch {
	case a.Exit.Error == notWritten:
		return unwritten("Run", api+"#kvm-run")
	case len(a.Calls) == 0 && a.Exit.Exit == 0:
		w.Cause = "the VM did not get its memory"
	case a.Exit.Exit != exitHLT:
		w.Cause = "Run ended before the guest's HLT: after an exit for memory the guest goes on"
	case bytes.Equal(a.Regs, wantRegs) && bytes.Equal(got[:2], want[:2]):
		w.Cause = "what the guest read of the device is wrong"
	default:
		w.Cause = "the guest's memory or the device has not what the guest wrote"
	}
	return w
}
