package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"syscall"

	"exercise"
	"exercise/kvm"
)

var ops = map[string]func(question) (any, error){
	"save":    save,
	"restore": restore,
	"pages":   pages,
	"clone":   clone,
	"run":     run,
}

// toy is a vCPU with no processor, whose parts have KVM's ways with each other.
type toy struct {
	parts exercise.State
	order []exercise.Part // of what was set
}

func (t *toy) Get(p exercise.Part) ([]byte, error) {
	state, ok := t.parts[p]
	if !ok {
		return nil, fmt.Errorf("no part %q", p)
	}
	return bytes.Clone(state), nil
}

func (t *toy) had(p exercise.Part) bool {
	for _, o := range t.order {
		if o == p {
			return true
		}
	}
	return false
}

// Set keeps what KVM would.
func (t *toy) Set(p exercise.Part, state []byte) error {
	if _, ok := t.parts[p]; !ok {
		return fmt.Errorf("no part %q", p)
	}
	const most = 100
	if len(t.order) < most {
		t.order = append(t.order, p)
	}
	state = bytes.Clone(state)
	switch p {
	case exercise.LAPIC: // an APIC that is not enabled yet has no registers (SREGS has where it is)
		if !t.had(exercise.Sregs) {
			clear(state)
		}
	case exercise.MSRs: // a deadline is for an APIC whose timer is in that mode (lapic.c, kvm_set_lapic_tscdeadline_msr)
		if !t.had(exercise.LAPIC) && len(state) >= 8 {
			clear(state[len(state)-8:])
		}
	case exercise.Regs: // a jump elsewhere forgets what was pending (x86.c, __set_regs)
		clear(t.parts[exercise.Events])
	}
	t.parts[p] = state
	return nil
}

func save(q question) (any, error) {
	var parts exercise.State
	q.args(&parts)
	s, err := exercise.Save(&toy{parts: parts})
	return map[string]any{"state": s, "error": text(err)}, nil
}

func restore(q question) (any, error) {
	var s exercise.State
	q.args(&s)
	t := &toy{parts: exercise.State{}}
	for _, p := range []exercise.Part{exercise.Regs, exercise.Sregs, exercise.LAPIC, exercise.MSRs, exercise.Events} {
		t.parts[p] = make([]byte, len(s[p]))
	}
	err := exercise.Restore(t, s)
	return map[string]any{"state": t.parts, "order": t.order, "error": text(err)}, nil
}

// pages has memory written to, and asks after some of it which pages are other.
func pages(q question) (any, error) {
	var a []struct {
		Guest  bool   `json:"guest"`
		Device bool   `json:"device"` // neither: a snapshot
		Addr   uint64 `json:"addr"`
		Data   []byte `json:"data"`
	}
	q.args(&a)
	ram := mapFile(q.fds[0])
	defer syscall.Munmap(ram)
	dirty := map[uint64]bool{}
	m := &exercise.Memory{RAM: ram}
	m.Log = func() (list []uint64) {
		for n := range dirty {
			list = append(list, n)
		}
		clear(dirty)
		return list
	}
	type page struct {
		Number uint64 `json:"number"`
		Sum    uint64 `json:"sum"`
	}
	diffs := [][]page{}
	for _, w := range a {
		switch {
		case w.Guest:
			copy(ram[w.Addr:], w.Data)
			for n := w.Addr / exercise.PageSize; n <= (w.Addr+uint64(len(w.Data))-1)/exercise.PageSize; n++ {
				dirty[n] = true
			}
		case w.Device:
			m.Write(w.Addr, w.Data)
		default:
			list := []page{}
			for i, p := range m.Diff() {
				const most = 300
				if i < most {
					list = append(list, page{p.Number, sum(p.Data)})
				}
			}
			diffs = append(diffs, list)
		}
	}
	return diffs, nil
}

// sum is a number for the bytes of a page (FNV-1a).
func sum(b []byte) uint64 {
	h := uint64(14695981039346656037)
	for _, c := range b {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return h
}

func clone(q question) (any, error) {
	var a struct {
		Secret, Fresh []byte
		Count         uint64
	}
	q.args(&a)
	r := exercise.Random{Count: a.Count}
	copy(r.Secret[:], a.Secret)
	var fresh [32]byte
	copy(fresh[:], a.Fresh)
	c := exercise.Clone(r, fresh)
	first := c.Next()
	return first[:], nil
}

// real is a vCPU without interrupt chips: of the parts it has two.
type real struct{ *kvm.VCPU }

func (c real) Get(p exercise.Part) ([]byte, error) {
	switch p {
	case exercise.Regs:
		r, err := c.Regs()
		b, _ := json.Marshal(r)
		return b, err
	case exercise.Sregs:
		s, err := c.Sregs()
		b, _ := json.Marshal(s)
		return b, err
	}
	return nil, nil
}

func (c real) Set(p exercise.Part, state []byte) error {
	switch p {
	case exercise.Regs:
		var r kvm.Regs
		return errors.Join(json.Unmarshal(state, &r), c.SetRegs(r))
	case exercise.Sregs:
		var s kvm.Sregs
		return errors.Join(json.Unmarshal(state, &s), c.SetSregs(s))
	}
	return nil
}

// toHLT runs a guest so far.
func (c real) toHLT() error {
	for {
		reason, err := c.Run()
		switch {
		case errors.Is(err, kvm.ErrInterrupted):
		case err != nil:
			return err
		case reason != kvm.ExitHLT:
			return fmt.Errorf("exit %d", reason)
		default:
			return nil
		}
	}
}

// run has a guest go to its first HLT, saves it, and has another one in other memory go on from there.
func run(q question) (any, error) {
	var a struct {
		Entry uint16 `json:"entry"`
	}
	q.args(&a)
	m, err := newMachine(q.fds[0], q.fds[1])
	if err != nil {
		return nil, err
	}
	defer m.close()
	first := real{m.cpu}
	if err := errors.Join(first.RealMode(a.Entry), first.toHLT()); err != nil {
		return nil, err
	}
	saved, err := exercise.Save(first)
	if err != nil {
		return m.look(err), nil
	}
	second, err := newMachine(q.fds[0], q.fds[2])
	if err != nil {
		return nil, err
	}
	defer second.close()
	copy(second.ram, m.ram)
	if err := exercise.Restore(real{second.cpu}, saved); err != nil {
		return second.look(err), nil
	}
	return second.look(real{second.cpu}.toHLT()), nil
}
