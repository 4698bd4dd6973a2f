package exercise

import (
	"bytes"
	"fmt"
	"os"
	"strings"
)

// Where the first exercises' reading is.
const (
	api = "https://docs.kernel.org/virt/kvm/api.html"
	sdm = "https://www.intel.com/sdm"
)

// realMode is exercise 1: eight bytes of real mode.
func realMode() *Exercise {
	return &Exercise{Number: 1, Name: "01-real-mode", Title: "eight bytes of real mode", Checks: []Check{
		{Name: "the first instruction", Points: 3, Do: firstInstruction},
		{Name: "the API version", Points: 2, Do: apiVersion},
		{Name: "the guest computes", Points: 3, KVM: true, Do: guestComputes},
		{Name: "an exit that is not HLT", Points: 2, KVM: true, Do: otherExits},
	}}
}

// apiVersion asks for the version of what is not KVM. That KVM's is 12 is no secret: it has not changed since 2007.
func apiVersion(s Subject) error {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return err
	}
	defer null.Close()
	ask := func(f *os.File) (version int, failure string, err error) {
		var a struct {
			Version int    `json:"version"`
			Error   string `json:"error"`
		}
		err = s.Ask(Question{Op: "version", Files: []*os.File{f}}, &a)
		return a.Version, a.Error, err
	}
	version, failure, err := ask(null)
	if err != nil {
		return err
	}
	if failure == "" {
		return &Wrong{
			Seen:     fmt.Sprintf("version %d of /dev/null", version),
			Expected: "an error: /dev/null is not KVM",
			Cause:    "APIVersion returns a number that nobody was asked for: only the ioctl KVM_GET_API_VERSION knows what the descriptor is",
			Read:     api + "#kvm-get-api-version",
		}
	}
	if failure == notWritten {
		return unwritten("APIVersion", api+"#kvm-get-api-version")
	}
	if s.KVM() == nil {
		return ErrNeedsKVM
	}
	const wanted = 12
	if version, failure, err = ask(s.KVM()); err != nil || failure == "" && version == wanted {
		return err
	}
	return &Wrong{
		Seen: fmt.Sprintf("version %d, error %q, of /dev/kvm", version, failure), Expected: "version 12",
		Cause: "the version is what ioctl(2) returns, not something it writes", Read: api + "#kvm-get-api-version",
	}
}

// notWritten is the error of the functions in the starting files.
const notWritten = "not written yet"

func unwritten(name, read string) *Wrong {
	return &Wrong{Seen: name + " says " + notWritten, Expected: "what its comment promises", Cause: name + " is as you got it", Read: read}
}

// firstInstruction looks at the registers with which the guest is to begin. No KVM is needed for that.
func firstInstruction(s Subject) error {
	r := s.Rand()
	before := afterReset()
	before.CR2, before.APICBase = r.Uint64(), before.APICBase|r.Uint64N(1<<10)<<32
	entry := uint16(0x400 + r.IntN(0xf000))
	var a struct {
		Regs  regs  `json:"regs"`
		Sregs sregs `json:"sregs"`
	}
	if err := s.Ask(Question{Op: "start", Args: map[string]any{"sregs": before, "entry": entry}}, &a); err != nil {
		return err
	}
	linear := a.Sregs.CS.Base + a.Regs.RIP
	wanted := before
	wanted.CS.Base, wanted.CS.Selector = a.Sregs.CS.Base, a.Sregs.CS.Selector
	wanted.DS, wanted.SS, wanted.ES, wanted.FS, wanted.GS = a.Sregs.DS, a.Sregs.SS, a.Sregs.ES, a.Sregs.FS, a.Sregs.GS // they may be as they like
	switch {
	case a.Regs == regs{} && a.Sregs == before:
		return unwritten("StartState", api+"#kvm-set-sregs")
	case a.Sregs.CS.Base == before.CS.Base:
		return &Wrong{
			Seen:     fmt.Sprintf("CS.base is %s, RIP %s: the first instruction comes from %s", hex(a.Sregs.CS.Base), hex(a.Regs.RIP), hex(linear)),
			Expected: fmt.Sprintf("the first instruction comes from CS.base + RIP = %s", hex(entry)),
			Cause:    "CS.base is left as it is after a reset, where a PC has its firmware; here is none, and no memory either",
			Read:     sdm + " (volume 3, 10.1.4, First Instruction Executed)",
		}
	case linear != uint64(entry):
		return &Wrong{
			Seen:     fmt.Sprintf("CS.base is %s, RIP %s", hex(a.Sregs.CS.Base), hex(a.Regs.RIP)),
			Expected: fmt.Sprintf("CS.base + RIP = %s", hex(entry)),
			Cause:    "the processor fetches from CS.base + RIP, and that is not entry",
			Read:     sdm + " (volume 3, 10.1.4, First Instruction Executed)",
		}
	case a.Sregs.CS.Base != uint64(a.Sregs.CS.Selector)<<4:
		return &Wrong{
			Seen:     fmt.Sprintf("CS is %s, its base %s", hex(a.Sregs.CS.Selector), hex(a.Sregs.CS.Base)),
			Expected: "in real mode, base = 16 * selector",
			Cause:    "the selector and the base of CS do not belong together; Intel's processors without \"unrestricted guest\" refuse that, and after the first far call on others the guest is elsewhere",
			Read:     sdm + " (volume 3, 21.1.1, Address Translation in Real-Address Mode)",
		}
	case a.Regs.RFLAGS&rflagsFixed == 0:
		return &Wrong{
			Seen:     fmt.Sprintf("RFLAGS is %s", hex(a.Regs.RFLAGS)),
			Expected: "RFLAGS is 0x2",
			Cause:    "bit 1 of RFLAGS is clear, and on a processor it is always 1: older kernels fail to enter such a guest (KVM_EXIT_FAIL_ENTRY), newer ones mend it silently",
			Read:     sdm + " (volume 1, 3.4.3, EFLAGS Register)",
		}
	case a.Sregs != wanted:
		return &Wrong{
			Seen:     "registers have changed that have nothing to do with where the guest begins",
			Expected: "all but CS (and what you like of the data segments) as KVM_GET_SREGS gave it",
			Cause:    "StartState begins with an Sregs of its own instead of changing the one that it was given: CR0, the APIC base and others must stay",
			Read:     api + "#kvm-get-sregs",
		}
	}
	return nil
}

// ran is what the harness says of a guest that was run.
type ran struct {
	Stage string `json:"stage"`
	Error string `json:"error"`
	Exit  uint32 `json:"exit"`
	Regs  regs   `json:"regs"`
	Sregs sregs  `json:"sregs"`
}

const realModeRAM = 64 << 10

// runReal has a student's machine run code at entry, and gives what came of it. Memory is the caller's to close.
func runReal(s Subject, code []byte, entry uint16) (a ran, memory ram, err error) {
	if memory, err = newRAM(realModeRAM); err != nil {
		return a, memory, err
	}
	if err = memory.put(int64(entry), code); err == nil {
		err = s.Ask(Question{Op: "run", Args: map[string]any{"entry": entry}, Files: []*os.File{s.KVM(), memory.File}}, &a)
	}
	if err == nil && a.Error == notWritten {
		err = unwritten(a.Stage, api+"#kvm-run")
	}
	if err == nil && a.Stage == "New" {
		err = &Wrong{
			Seen: fmt.Sprintf("New gives no machine: %q", a.Error), Expected: "a VM with 64 KiB of memory and one vCPU",
			Cause: "one of the calls that make the VM failed: the error says which, and the page says what it wants", Read: api + "#kvm-create-vm",
		}
	}
	if err != nil {
		memory.Close()
	}
	return a, memory, err
}

// guestComputes has three programs run, whose results nobody knows who has not run them.
func guestComputes(s Subject) error {
	r := s.Rand()
	for range 3 {
		p := newSum(r, 4+r.IntN(12))
		entry, at := uint16(0x1000+r.IntN(0x6000)), uint16(0x8000+r.IntN(0x7000))
		p.store(at)
		p.halt()
		a, memory, err := runReal(s, p.code, entry)
		if err != nil {
			return err
		}
		got, err := memory.get(int64(at), len(p.bytes()))
		memory.Close()
		if err != nil {
			return err
		}
		if a.Error == "" && bytes.Equal(got, p.bytes()) {
			continue
		}
		return whyNotComputed(p, a, entry, at, got)
	}
	return nil
}

// whyNotComputed finds the one cause.
func whyNotComputed(p sum, a ran, entry, at uint16, got []byte) *Wrong {
	w := &Wrong{
		Seen:     fmt.Sprintf("exit %d, error %q, RIP %s; in memory at %s: % x", a.Exit, a.Error, hex(a.Regs.RIP), hex(at), got),
		Expected: fmt.Sprintf("exit %d (HLT), no error; in memory: % x", exitHLT, p.bytes()),
		Read:     api + "#kvm-run",
	}
	linear := a.Sregs.CS.Base + a.Regs.RIP
	switch {
	case a.Sregs.CS.Base == afterReset().CS.Base:
		w.Cause = "CS.base is left as it is after a reset: the guest begins far above its memory"
	case a.Exit == 0 && linear == uint64(entry), a.Exit == 0 && a.Error == "":
		w.Cause = "no instruction of it was executed: KVM_RUN was not called, or did not come into the guest"
	case a.Exit == exitHLT && a.Error != "":
		w.Cause = "Run gives an error though the guest ended with HLT, as it should"
	case a.Exit == exitHLT && linear != uint64(entry)+uint64(len(p.code)):
		w.Cause = "the guest halted elsewhere than at the end of its code: it did not begin at entry"
	case a.Exit == exitHLT:
		w.Cause = "the guest ran, but not on the memory that New was given: the slot must begin at address 0, and its host address must be that of ram itself"
	case a.Exit == exitMMIO:
		w.Cause = "the guest came to an address without memory: look at the slot's address and size"
	default:
		w.Cause = "the guest left for another reason than HLT: compare its registers with what StartState should give"
	}
	return w
}

// otherExits has guests run that leave by something else than HLT.
func otherExits(s Subject) error {
	r := s.Rand()
	guests := []left{leavesByIO(r), leavesByFault(), leavesByMMIO()}
	r.Shuffle(len(guests), func(i, j int) { guests[i], guests[j] = guests[j], guests[i] })
	for _, g := range guests {
		p, at := newSum(r, 4), uint16(0x8000+r.IntN(0x7000)) // what it leaves in memory before shows that it has run
		p.store(at)
		p.add(g.code...)
		a, memory, err := runReal(s, p.code, uint16(0x1000+r.IntN(0x6000)))
		if err != nil {
			return err
		}
		got, err := memory.get(int64(at), len(p.bytes()))
		memory.Close()
		if err != nil {
			return err
		}
		stored := bytes.Equal(got, p.bytes())
		if stored && a.Exit == g.exit && strings.Contains(a.Error, fmt.Sprint(g.exit)) {
			continue
		}
		w := &Wrong{
			Seen:     fmt.Sprintf("the guest %s: exit %d, error %q", g.does, a.Exit, a.Error),
			Expected: fmt.Sprintf("exit %d, and an error with that number", g.exit),
			Cause:    "Run takes any exit for HLT: the reason is in the kvm_run page, and KVM_RUN returns 0 for all of them",
			Read:     api + "#the-kvm-run-structure",
		}
		switch {
		case a.Exit == exitHLT:
			w.Cause = "the guest went on after the exit: whoever calls Run is to decide about that"
		case stored && a.Exit == g.exit && a.Error != "":
			w.Cause = "the error does not name the number of the exit, and whoever calls Run has nothing else to go by"
		case a.Exit != g.exit || !stored:
			w.Cause = "the guest did not come so far: what is wrong with one that only computes is wrong here, too"
		}
		return w
	}
	return nil
}
