package exercise

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
)

// left is a guest that leaves by an exit which is no HLT, and in what way.
type left struct {
	does string
	code []byte
	exit uint32
}

// Guests that leave by something else than HLT.
func leavesByIO(r *rand.Rand) left {
	return left{"writes to a port", []byte{0xe6, byte(0x10 + r.IntN(0x10)), 0xf4}, exitIO} // out imm8, al; hlt
}

func leavesByFault() left {
	return left{"ends in a triple fault", []byte{0x0f, 0x01, 0x1e, 0x00, 0x00, 0xcc, 0xf4}, exitShutdown} // lidt [0], which is zeros: no table; int3; hlt
}

func leavesByMMIO() left {
	return left{"writes where it has no memory", []byte{0xb8, 0xff, 0xff, 0x8e, 0xd8, 0xa2, 0x00, 0x80, 0xf4}, exitMMIO} // mov ax, 0xffff; mov ds, ax; mov [0x8000], al; hlt
}

// namesOther has guests leave by exits that the student's Run is not to answer: it ends then, with an error that names the number. Ask runs code at
// entry in memory.
func namesOther(r *rand.Rand, list []left, ask func(memory ram, entry uint16) (ran, error)) error {
	for _, g := range list {
		if err := g.named(r, ask); err != nil {
			return err
		}
	}
	return nil
}

// named has one guest leave.
func (g left) named(r *rand.Rand, ask func(memory ram, entry uint16) (ran, error)) error {
	p, at, entry := newSum(r, 4), uint16(0x8000+r.IntN(0x7000)), uint16(0x1000+r.IntN(0x6000)) // what it leaves in memory shows that it has run
	p.store(at)
	p.add(g.code...)
	memory, err := newRAM(realModeRAM)
	if err != nil {
		return err
	}
	defer memory.Close()
	if err := memory.put(int64(entry), p.code); err != nil {
		return err
	}
	a, err := ask(memory, entry)
	if err != nil {
		return err
	}
	got, err := memory.get(int64(at), len(p.bytes()))
	if err != nil {
		return err
	}
	stored := bytes.Equal(got, p.bytes())
	if stored && a.Exit == g.exit && strings.Contains(a.Error, fmt.Sprint(g.exit)) {
		return nil
	}
	w := &Wrong{Seen: fmt.Sprintf("the guest %s: exit %d, error %q", g.does, a.Exit, a.Error), Expected: fmt.Sprintf("exit %d, and an error with that number", g.exit),
		Cause: "an exit that Run does not answer is passed over: it must end there, with an error that names the exit's number", Read: api + "#the-kvm-run-structure"}
	if !stored {
		w.Cause = "the guest did not come so far: what is wrong with one that only computes is wrong here, too"
	}
	return w
}
