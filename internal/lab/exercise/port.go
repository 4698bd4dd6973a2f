package exercise

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
)

const readRun = api + "#the-kvm-run-structure"

// port is exercise 2: a port that prints.
func port() *Exercise {
	return &Exercise{Number: 2, Name: "02-port", Title: "a port that prints", Checks: []Check{
		{Name: "one byte", Points: 2, Do: oneByte},
		{Name: "a string", Points: 2, Do: aString},
		{Name: "reads", Points: 2, Do: portReads},
		{Name: "nobody's accesses", Points: 1, Do: nobodysPorts},
		{Name: "a guest prints", Points: 3, KVM: true, Do: guestPrints},
	}}
}

const printPort = 0xe9

// access is a port access as KVM describes it (kvm.h, struct kvm_run, io).
type access struct {
	out    bool
	size   int
	port   uint16
	count  int
	offset int
}

func (a access) bytes() int { return a.size * a.count }

func (a access) String() string {
	does := "IN from"
	if a.out {
		does = "OUT to"
	}
	return fmt.Sprintf("%s port %s, size %d, count %d, data_offset %s", does, hex(a.port), a.size, a.count, hex(uint32(a.offset)))
}

// pageLength is of the three pages that KVM has a vCPU share today. Nothing says that it stays so.
const pageLength = 3 * 4096

// page draws what the vCPU shares with KVM: noise, but for the access.
func (a access) page(r *rand.Rand) []byte {
	p := make([]byte, pageLength)
	for i := range p {
		p[i] = byte(r.Uint32())
	}
	binary.LittleEndian.PutUint32(p[8:], exitIO)
	p[32], p[33] = 0, byte(a.size)
	if a.out {
		p[32] = 1
	}
	binary.LittleEndian.PutUint16(p[34:], a.port)
	binary.LittleEndian.PutUint32(p[36:], uint32(a.count))
	binary.LittleEndian.PutUint64(p[40:], uint64(a.offset))
	return p
}

// somewhere draws a place for the bytes of an access that is not the one that KVM has today.
func somewhere(r *rand.Rand) int {
	for {
		if at := 8 * (0x100 + r.IntN(0x400)); at < 4096-1024 || at > 4096+1024 {
			return at
		}
	}
}

// handled is what came of a page.
type handled struct {
	Page  []byte `json:"page"`
	Out   []byte `json:"out"`
	Error string `json:"error"`
}

// handle has an access answered, and finds what every answer must have.
func (a access) handle(s Subject) (before []byte, h handled, err error) {
	before = a.page(s.Rand())
	if err = s.Ask(Question{Op: "io", Args: map[string]any{"page": before}}, &h); err != nil {
		return before, h, err
	}
	switch {
	case h.Error == notWritten:
		err = unwritten("HandleIO", readRun)
	case h.Error != "":
		err = &Wrong{Seen: fmt.Sprintf("%v: error %q", a, h.Error), Expected: "no error: a guest may access any port", Cause: "HandleIO fails where a PC just has nobody to answer",
			Read: readRun}
	case len(h.Page) != pageLength:
		err = anotherPage(len(h.Page))
	}
	return before, h, err
}

// anotherPage is a page of another length than the one that was given. Only an answer that is not the harness's has one.
func anotherPage(length int) *Wrong {
	return &Wrong{Seen: fmt.Sprintf("a page of %d bytes", length), Expected: "the page that was given", Read: readRun,
		Cause: "the answer did not come from the function: the page is KVM's, and its length cannot change"}
}

// printed checks what was printed of an access.
func (a access) printed(s Subject) error {
	before, h, err := a.handle(s)
	if err != nil {
		return err
	}
	want := before[a.offset:][:a.bytes()]
	if bytes.Equal(h.Out, want) {
		return nil
	}
	w := &Wrong{
		Seen: fmt.Sprintf("%v: printed % x", a, short(h.Out)), Expected: fmt.Sprintf("% x", short(want)), Read: readRun,
		Cause: "what is printed are not the bytes of the access: those begin data_offset bytes behind the start of the page",
	}
	switch at := bytes.Index(before, h.Out); {
	case len(h.Out) == 0:
		w.Cause = "an OUT of one byte to the device's port prints nothing"
	case bytes.HasPrefix(want, h.Out):
		w.Cause = "HandleIO ignores count: one exit may carry many accesses, as REP OUTSB makes them, and their bytes lie one behind the other"
	case len(h.Out) == len(want) && at >= 0:
		w.Cause = fmt.Sprintf("HandleIO ignores data_offset: it prints what is at offset %s of the page", hex(uint32(at)))
	}
	return w
}

// short is the beginning of bytes that a person looks at.
func short(b []byte) []byte { return b[:min(len(b), 16)] }

func oneByte(s Subject) error {
	for range 4 {
		if err := (access{out: true, size: 1, port: printPort, count: 1, offset: somewhere(s.Rand())}).printed(s); err != nil {
			return err
		}
	}
	return nil
}

func aString(s Subject) error {
	for range 3 {
		r := s.Rand()
		if err := (access{out: true, size: 1, port: printPort, count: 2 + r.IntN(200), offset: somewhere(r)}).printed(s); err != nil {
			return err
		}
	}
	return nil
}

// reads checks that an IN got the byte want for each of its bytes, and that nothing else has changed.
func (a access) reads(s Subject, want byte) error {
	before, h, err := a.handle(s)
	if err != nil {
		return err
	}
	data := h.Page[a.offset:][:a.bytes()]
	expected := bytes.Repeat([]byte{want}, a.bytes())
	w := &Wrong{Seen: fmt.Sprintf("%v: the guest gets % x", a, short(data)), Expected: fmt.Sprintf("% x", short(expected)), Read: readRun}
	rest := bytes.Equal(h.Page[:a.offset], before[:a.offset]) && bytes.Equal(h.Page[a.offset+a.bytes():], before[a.offset+a.bytes():])
	switch {
	case bytes.Equal(data, expected) && rest && len(h.Out) == 0:
		return nil
	case len(h.Out) > 0:
		w.Cause = "a read prints something: direction says whether the guest writes (1) or reads (0)"
	case bytes.Equal(data, expected):
		w.Cause = "bytes beside those of the access have changed: there are size * count of them, and the rest of the page is KVM's"
	case bytes.Equal(h.Page, before):
		w.Cause = "the IN is not answered: what lies in the page, noise of an earlier exit, goes into the guest's register"
	case bytes.Equal(data[:a.size], expected[:a.size]):
		w.Cause = "only the first of count accesses is answered: REP INSB makes many at once"
	case rest:
		w.Cause = "the answer is another than this port's: the device's reads as its own number, nobody's as all ones"
	default:
		w.Cause = "the answer is not where KVM looks for it: data_offset bytes behind the start of the page"
	}
	return w
}

func portReads(s Subject) error {
	for _, count := range []int{1, 2 + s.Rand().IntN(100)} {
		if err := (access{size: 1, port: printPort, count: count, offset: somewhere(s.Rand())}).reads(s, printPort); err != nil {
			return err
		}
	}
	for _, size := range []int{1, 2, 4} {
		r := s.Rand()
		if err := (access{size: size, port: 0x100 + uint16(r.IntN(0x8000)), count: 1 + r.IntN(20), offset: somewhere(r)}).reads(s, 0xff); err != nil {
			return err
		}
	}
	return nil
}

// nobodysPorts has accesses that are not the device's: wide ones to its port, and others.
func nobodysPorts(s Subject) error {
	for _, size := range []int{2, 4} {
		if err := (access{size: size, port: printPort, count: 1, offset: somewhere(s.Rand())}).reads(s, 0xff); err != nil {
			return widely(err)
		}
	}
	for _, a := range []access{{size: 2, port: printPort}, {size: 4, port: printPort}, {size: 1, port: 0x80}, {size: 1, port: printPort + 0x100}} {
		a.out, a.count, a.offset = true, 1+s.Rand().IntN(9), somewhere(s.Rand())
		_, h, err := a.handle(s)
		if err != nil {
			return err
		}
		if len(h.Out) == 0 {
			continue
		}
		w := &Wrong{Seen: fmt.Sprintf("%v: printed % x", a, short(h.Out)), Expected: "nothing", Read: readRun, Cause: "the port is another: it must be compared with all of its 16 bits"}
		if a.size > 1 {
			return widely(w)
		}
		return w
	}
	return nil
}

// widely gives the cause of a mistake in wide accesses to the device's port.
func widely(err error) error {
	if w := new(Wrong); errors.As(err, &w) {
		w.Cause = "HandleIO ignores size: the device has one register of one byte, and wider accesses are nobody's"
	}
	return err
}

// guestPrints has a guest print what it computes, byte by byte and as a string, and look for the device.
func guestPrints(s Subject) error {
	r := s.Rand()
	const at, message, entry = 0x3000, 0x4000, 0x1000
	text := make([]byte, 20+r.IntN(40))
	for i := range text {
		text[i] = byte('a' + r.IntN(26))
	}
	var g sum
	var want []byte
	for range 3 { // a computed byte, printed
		p := newSum(r, 3)
		g.add(p.code...)
		g.add(0xe6, printPort) // out 0xe9, al
		want = append(want, byte(p.ax))
	}
	n := uint16(len(text))
	g.add(0xbe, 0x00, message>>8, 0xb9, byte(n), byte(n>>8), 0xba, printPort, 0) // mov si, message; mov cx, n; mov dx, 0xe9
	g.add(0xf3, 0x6e)                                                            // rep outsb
	want = append(want, text...)
	g.add(0xb8, 0, 0, 0xe4, printPort, 0xa3, 0x00, at>>8) // mov ax, 0; in al, 0xe9; mov [at], ax
	g.add(0xe5, byte(0x10+r.IntN(16)), 0xa3, 0x02, at>>8) // in ax, imm8; mov [at+2], ax
	g.halt()

	memory, err := newRAM(realModeRAM)
	if err != nil {
		return err
	}
	defer memory.Close()
	if err := memory.put(entry, g.code); err != nil {
		return err
	}
	if err := memory.put(message, text); err != nil {
		return err
	}
	var a struct {
		ran
		Out []byte `json:"out"`
	}
	if err := s.Ask(Question{Op: "run", Args: map[string]any{"entry": entry}, Files: []*os.File{s.KVM(), memory.File}}, &a); err != nil {
		return err
	}
	if a.Error == notWritten {
		return unwritten("Run", api+"#kvm-run")
	}
	got, err := memory.get(at, 4)
	if err != nil {
		return err
	}
	if err := whyNotPrinted(a.ran, a.Out, want, got); err != nil {
		return err
	}
	return namesOther(r, []left{leavesByMMIO(), leavesByFault()}, func(memory ram, entry uint16) (a ran, err error) {
		err = s.Ask(Question{Op: "run", Args: map[string]any{"entry": entry}, Files: []*os.File{s.KVM(), memory.File}}, &a)
		return a, err
	})
}

func whyNotPrinted(a ran, out, want, got []byte) error {
	answers := []byte{printPort, 0, 0xff, 0xff}
	w := &Wrong{
		Seen:     fmt.Sprintf("exit %d, error %q; printed %q; the guest read % x", a.Exit, a.Error, out, got),
		Expected: fmt.Sprintf("exit %d (HLT), no error; printed %q; the guest read % x", exitHLT, want, answers),
		Read:     api + "#kvm-run",
	}
	switch {
	case a.Error == "" && a.Exit == exitHLT && bytes.Equal(out, want) && bytes.Equal(got, answers):
		return nil
	case a.Exit == exitIO && a.Error == "":
		w.Cause = "Run gave up at a port access: answer it, and call KVM_RUN again, until HLT"
	case bytes.HasPrefix(want, out) && len(out) < len(want) && a.Exit == exitHLT:
		w.Cause = "something of what the guest wrote was not printed: an exit may carry several accesses"
	case bytes.Equal(out, want):
		w.Cause = "what the guest read is wrong: the answer of an IN must be in the page when KVM_RUN is called again"
	case a.Exit != exitHLT:
		w.Cause = "Run ended before the guest's HLT"
	default:
		w.Cause = "what was printed is not what the guest wrote"
	}
	return w
}
