package exercise

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
)

const (
	readState = api + "#kvm-get-lapic"
	readDirty = api + "#kvm-get-dirty-log"
	readGenID = "https://docs.kernel.org/virt/index.html (and docs/adr/0021 of terem: a generation page)"
)

// snapshot is exercise 9: save a toy machine, and make others of it.
func snapshot() *Exercise {
	return &Exercise{Number: 9, Name: "09-snapshot", Title: "a snapshot of a toy machine", Checks: []Check{
		{Name: "all is saved", Points: 1, Do: allSaved},
		{Name: "the order of a restore", Points: 3, Do: restoreOrder},
		{Name: "pages", Points: 3, Do: dirtyPages},
		{Name: "clones", Points: 1, Do: clones},
		{Name: "a real machine goes on", Points: 2, KVM: true, Do: goesOn},
	}}
}

// vcpuState is a vCPU's parts by their names.
type vcpuState map[string][]byte

// partNames are all of them.
var partNames = [...]string{"REGS", "SREGS", "LAPIC", "MSRS", "VCPU_EVENTS"}

func newState(r *rand.Rand) vcpuState {
	s := vcpuState{}
	for _, p := range partNames {
		s[p] = noise(r, 16+r.IntN(32))
	}
	return s
}

// noise are bytes of which none is 0.
func noise(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(1 + r.IntN(255))
	}
	return b
}

func allSaved(s Subject) error {
	was := newState(s.Rand())
	var a struct {
		State vcpuState `json:"state"`
		Error string    `json:"error"`
	}
	if err := s.Ask(Question{Op: "save", Args: was}, &a); err != nil {
		return err
	}
	if a.Error == notWritten {
		return unwritten("Save", readState)
	}
	for _, p := range partNames {
		if !bytes.Equal(a.State[p], was[p]) {
			return &Wrong{Seen: fmt.Sprintf("%s: % x, error %q", p, short(a.State[p]), a.Error), Expected: fmt.Sprintf("% x", short(was[p])),
				Cause: p + " is not saved: what a guest can change must be in its snapshot", Read: readState}
		}
	}
	return nil
}

func restoreOrder(s Subject) error {
	was := newState(s.Rand())
	var a struct {
		State vcpuState `json:"state"`
		Order []string  `json:"order"`
		Error string    `json:"error"`
	}
	if err := s.Ask(Question{Op: "restore", Args: was}, &a); err != nil {
		return err
	}
	if a.Error == notWritten {
		return unwritten("Restore", readState)
	}
	for _, p := range partNames {
		if bytes.Equal(a.State[p], was[p]) {
			continue
		}
		w := &Wrong{Seen: fmt.Sprintf("set in the order %v, error %q: then %s is % x", a.Order, a.Error, p, a.State[p]), Expected: fmt.Sprintf("%s: % x", p, was[p]), Read: readState}
		switch {
		case !slices.Contains(a.Order, p):
			w.Cause = p + " is not restored"
		case p == "MSRS":
			w.Cause = "LAPIC is set after the MSRs: a deadline (IA32_TSC_DEADLINE) is dropped by an APIC whose timer is not in that mode yet, and the guest's next timer never comes"
		case p == "LAPIC":
			w.Cause = "SREGS is set after LAPIC: it says where the APIC is and whether it is on, and registers of one that is off are lost"
		case p == "VCPU_EVENTS":
			w.Cause = "REGS is set after VCPU_EVENTS: setting RIP forgets pending events, and an interrupt that was about to be delivered is lost"
		default:
			w.Cause = p + " is not what was saved"
		}
		return w
	}
	return nil
}

// write is one to memory, or, with neither a guest nor a device, a snapshot.
type write struct {
	Guest  bool   `json:"guest"`
	Device bool   `json:"device"`
	Addr   uint64 `json:"addr"`
	Data   []byte `json:"data"`
}

func (w write) String() string {
	switch {
	case w.Guest:
		return fmt.Sprintf("the guest writes %d bytes to %s", len(w.Data), hex(w.Addr))
	case w.Device:
		return fmt.Sprintf("a device writes %d bytes to %s", len(w.Data), hex(w.Addr))
	}
	return "Diff"
}

// page is one in a snapshot, with a sum of its bytes.
type page struct {
	Number uint64 `json:"number"`
	Sum    uint64 `json:"sum"`
}

const (
	pageSize    = 4096
	snapshotRAM = 64 * pageSize
)

// newScript draws writes, with a snapshot after some, and one more at the end, when nothing was written.
func newScript(r *rand.Rand) (list []write) {
	addr := func() uint64 { return r.Uint64N(snapshotRAM - 2*pageSize) }
	for range 3 {
		for range 1 + r.IntN(4) {
			list = append(list, write{Guest: true, Addr: addr(), Data: noise(r, 1+r.IntN(64))})
		}
		for range 1 + r.IntN(3) {
			list = append(list, write{Device: true, Addr: addr(), Data: noise(r, 1+r.IntN(64))})
		}
		border := pageSize*(1+r.Uint64N(60)) - 1
		list = append(list, write{Device: true, Addr: border, Data: noise(r, 2)}, write{})
	}
	return append(list, write{})
}

func dirtyPages(s Subject) error {
	for range 3 {
		memory, err := newRAM(snapshotRAM)
		if err != nil {
			return err
		}
		defer memory.Close()
		script := newScript(s.Rand())
		var diffs [][]page
		if err := s.Ask(Question{Op: "pages", Args: script, Files: []*os.File{memory.File}}, &diffs); err != nil {
			return err
		}
		if w := judgePages(script, diffs); w != nil {
			return w
		}
		if err := sameMemory(memory, script); err != nil {
			return err
		}
	}
	return nil
}

// judgePages follows a script, and compares each snapshot.
func judgePages(script []write, diffs [][]page) error {
	ram := make([]byte, snapshotRAM)
	written := map[uint64][]write{} // since the last snapshot, by page
	any := false
	for _, d := range diffs {
		any = any || len(d) > 0
	}
	if !any {
		return unwritten("Diff", readDirty)
	}
	n := 0
	for _, w := range script {
		if w.Guest || w.Device {
			copy(ram[w.Addr:], w.Data)
			for p := w.Addr / pageSize; p <= (w.Addr+uint64(len(w.Data))-1)/pageSize; p++ {
				written[p] = append(written[p], w)
			}
			continue
		}
		if n == len(diffs) {
			return fmt.Errorf("%d snapshots", len(diffs))
		}
		if wrong := judgeDiff(diffs[n], written, ram); wrong != nil {
			return wrong
		}
		n++
		clear(written)
	}
	return nil
}

func judgeDiff(got []page, written map[uint64][]write, ram []byte) error {
	want := slices.Sorted(maps.Keys(written))
	var numbers []uint64
	for _, p := range got {
		numbers = append(numbers, p.Number)
	}
	w := &Wrong{Seen: fmt.Sprintf("pages %v", numbers), Expected: fmt.Sprintf("pages %v", want), Read: readDirty}
	for _, p := range want {
		if slices.Contains(numbers, p) {
			continue
		}
		first := written[p][0]
		w.Seen += fmt.Sprintf(", after %v", first)
		switch {
		case first.Device && first.Addr/pageSize != p:
			w.Cause = "a write across a border of pages writes to two of them"
		case first.Device:
			w.Cause = "a page that a device has written is missed: KVM's log has what the guest wrote, and a device writes through your mapping, of which KVM knows nothing"
		default:
			w.Cause = "a page that the guest has written is missed"
		}
		return w
	}
	switch {
	case len(numbers) > len(want):
		w.Cause = "pages are saved that nobody has written since the last Diff, or one twice"
		return w
	case !slices.Equal(numbers, want):
		w.Cause = "the pages are not in ascending order"
		return w
	}
	for _, p := range got {
		if p.Sum != fnv(ram[p.Number*pageSize:][:pageSize]) {
			w.Seen = fmt.Sprintf("page %d has other bytes than memory", p.Number)
			w.Expected = "all of the page, as it is when Diff is called, in memory of its own"
			w.Cause = "the page's data are not those of memory: a device's Write must be done, and a snapshot must not change when the guest runs on"
			return w
		}
	}
	return nil
}

// sameMemory looks whether devices' writes are in memory.
func sameMemory(memory ram, script []write) error {
	want := make([]byte, snapshotRAM)
	for _, w := range script {
		copy(want[w.Addr:], w.Data)
	}
	got, err := memory.get(0, snapshotRAM)
	if err != nil || bytes.Equal(got, want) {
		return err
	}
	return &Wrong{Seen: "memory is not what was written to it", Expected: "what devices write is there", Cause: "Write does not write", Read: readDirty}
}

// fnv is the sum that the harness makes, too.
func fnv(b []byte) uint64 {
	h := uint64(14695981039346656037)
	for _, c := range b {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return h
}

// clones makes some of one snapshot.
func clones(s Subject) error {
	r := s.Rand()
	secret, other := noise(r, 32), noise(r, 32)
	fresh := [][]byte{noise(r, 32), noise(r, 32)}
	count := r.Uint64N(1000)
	next := func(secret, fresh []byte) (b []byte, err error) {
		err = s.Ask(Question{Op: "clone", Args: map[string]any{"Secret": secret, "Fresh": fresh, "Count": count}}, &b)
		return b, err
	}
	first, err := next(secret, fresh[0])
	if err != nil {
		return err
	}
	second, err := next(secret, fresh[1])
	if err != nil {
		return err
	}
	third, err := next(other, fresh[0])
	if err != nil {
		return err
	}
	w := &Wrong{Seen: fmt.Sprintf("of two clones the first one's next bytes are % x, the other's % x", short(first), short(second)), Expected: "bytes that have nothing in common", Read: readGenID}
	switch {
	case bytes.Equal(first, second):
		w.Cause = "clones get the same random bytes: they share the secret of the snapshot, so each needs something that no other has: mix fresh into it"
		return w
	case bytes.Equal(first, third):
		w.Seen = "two snapshots with different secrets, and the same fresh bytes: the next bytes are the same"
		w.Cause = "the snapshot's secret is thrown away: mix both, so that who knows only one of them knows nothing"
		return w
	}
	return nil
}

// goesOn has a real guest compute, saves it half-way, and has another one go on.
func goesOn(s Subject) error {
	r := s.Rand()
	const entry, at = 0x1000, 0x8000
	p := newSum(r, 6)
	p.halt()
	half := len(p.code)
	p.add(0x35) // xor ax, imm16
	x := uint16(r.Uint32())
	p.add(byte(x), byte(x>>8))
	p.ax ^= x
	p.store(at)
	p.halt()
	first, err := newRAM(realModeRAM)
	if err != nil {
		return err
	}
	defer first.Close()
	second, err := newRAM(realModeRAM)
	if err != nil {
		return err
	}
	defer second.Close()
	if err := first.put(entry, p.code); err != nil {
		return err
	}
	var a ran
	if err := s.Ask(Question{Op: "run", Args: map[string]any{"entry": entry}, Files: []*os.File{s.KVM(), first.File, second.File}}, &a); err != nil {
		return err
	}
	if a.Error == notWritten {
		return unwritten("Save or Restore", readState)
	}
	got, err := second.get(at, 2)
	if err != nil || a.Error == "" && bytes.Equal(got, p.bytes()) {
		return err
	}
	w := &Wrong{Seen: fmt.Sprintf("error %q, RIP %s; in memory % x", a.Error, hex(a.Regs.RIP), got), Expected: fmt.Sprintf("no error, RIP %s; in memory % x", hex(uint16(entry+len(p.code))), p.bytes()),
		Cause: "the second machine does not go on where the first one was: REGS or SREGS did not come over", Read: readState}
	if a.Regs.RIP == uint64(entry+half) {
		w.Cause = "the second machine has not run on"
	}
	return w
}
