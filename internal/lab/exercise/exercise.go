package exercise

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
)

// Exercise is one of the lab's.
type Exercise struct {
	Number int
	Name   string // of its directories and its page: 01-real-mode
	Title  string
	Checks []Check
}

// Check is a part of an exercise that is graded by itself.
type Check struct {
	Name   string
	Points int
	KVM    bool // it cannot be done without /dev/kvm
	// Do asks a subject. The error is nil if all was right, a *Wrong if not, ErrNeedsKVM, a *NotRun, or what Ask gave.
	Do func(s Subject) error
}

// Points is what an exercise is worth.
func (e *Exercise) Points() (n int) {
	for _, c := range e.Checks {
		n += c.Points
	}
	return n
}

// Subject is a student's program while it is graded.
type Subject interface {
	// Ask has the harness do something, and decodes its answer into the value that into points at. An error of the student's
	// function is in the answer; the error here is that there is no answer, and nothing more can be asked. A *NotRun is that the
	// harness could not do its own part, such as make a VM.
	Ask(q Question, into any) error
	// KVM is /dev/kvm, for a Check that says it needs it.
	KVM() *os.File
	// Kernel is a bzImage of Linux, nil if there is none here.
	Kernel() []byte
	// Rand draws the inputs, by the seed.
	Rand() *rand.Rand
}

// ErrNeedsKernel says that there is no kernel that a check could boot.
var ErrNeedsKernel = errors.New("it needs a kernel")

// ErrNeedsKVM says that a check was right as far as it goes without KVM.
var ErrNeedsKVM = errors.New("the rest of it needs KVM")

// NotRun says that a check could not be done here, for a reason that is not the student's.
type NotRun struct{ Why string }

func (n *NotRun) Error() string { return n.Why }

// Question is something that a harness does.
type Question struct {
	Op    string
	Args  any        // becomes JSON
	Files []*os.File // of which it gets descriptors
	Serve Server     // of what the harness asks meanwhile, or nil
}

// Server plays, in the grader, what a student's code works with: a vCPU, a kernel. So what happened is seen there, and not told by
// the code that is graded.
type Server interface {
	// Call is one of the harness's. Reply, which may be called later, lets whoever called go on.
	Call(name string, arg json.RawMessage, reply func(value any))
	// Patience is which part of a check's time may pass without a call (20: a twentieth), and Quiet says that it has passed.
	Patience() int
	Quiet()
	// Over says that there is nothing more to see.
	Over() bool
}

// Wrong is a mistake, as a teacher tells it.
type Wrong struct {
	Seen     string `json:"seen"`
	Expected string `json:"expected"`
	Cause    string `json:"cause"`
	Read     string `json:"read"` // a link
}

func (w *Wrong) Error() string { return fmt.Sprintf("seen: %s; expected: %s", w.Seen, w.Expected) }

// All lists the exercises that there are, by their numbers.
func All() []*Exercise {
	return []*Exercise{realMode(), port(), longMode(), mmio(), virtioQueue(), boot(), stop(), measure(), snapshot(), container()}
}

// Find gives an exercise by its number.
func Find(number int) (*Exercise, bool) {
	for _, e := range All() {
		if e.Number == number {
			return e, true
		}
	}
	return nil, false
}
