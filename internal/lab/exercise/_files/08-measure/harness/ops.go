package main

import (
	"encoding/binary"
	"errors"
	"io"
	"math"
	"math/rand"
	"slices"
	"time"

	"exercise"
	"exercise/kvm"
)

var ops = map[string]func(question) (any, error){
	"simulate": simulate,
	"run":      run,
}

// event is what was asked of a bench: a look at the clock, a run, a line of the log.
type event struct {
	What  string `json:"what"`
	Turns int    `json:"turns,omitempty"`
	Exits bool   `json:"exits,omitempty"`
}

type result struct {
	Exit    int64   `json:"exit"` // nanoseconds
	Low     int64   `json:"low"`
	High    int64   `json:"high"`
	Samples int     `json:"samples"`
	Events  []event `json:"events"`
	Own     int64   `json:"own"` // the harness's own measurement
}

func newResult(r exercise.Result, events []event) result {
	return result{Exit: int64(r.Exit), Low: int64(r.Low), High: int64(r.High), Samples: r.Samples, Events: events}
}

// most is as many events as are kept.
const most = 1200

// simulated is a bench whose time is made up.
type simulated struct {
	Fixed   float64 `json:"fixed"` // nanoseconds of a run
	Turn    float64 `json:"turn"`
	Exit    float64 `json:"exit"`
	Noise   float64 `json:"noise"`   // part of a run's time
	Outlier float64 `json:"outlier"` // part of the runs that something disturbs
	Cold    float64 `json:"cold"`    // more, for the first run
	Line    float64 `json:"line"`    // of the log
	Seed    int64   `json:"seed"`

	now    float64
	rand   *rand.Rand
	events []event
}

func (s *simulated) note(e event) {
	if len(s.events) < most {
		s.events = append(s.events, e)
	}
}

func (s *simulated) Now() time.Duration {
	s.note(event{What: "now"})
	s.now += 20
	return time.Duration(s.now)
}

func (s *simulated) Run(turns int, exits bool) {
	s.note(event{What: "run", Turns: turns, Exits: exits})
	took := s.Fixed + float64(turns)*s.Turn
	if exits {
		took += float64(turns) * s.Exit
	}
	took *= 1 + s.Noise*s.rand.NormFloat64()
	if s.rand.Float64() < s.Outlier {
		took *= 2 + 20*s.rand.Float64()
	}
	s.now += math.Max(took, 1) + s.Cold
	s.Cold = 0
}

// Write is the log's: a terminal takes its time.
func (s *simulated) Write(p []byte) (int, error) {
	s.note(event{What: "log"})
	s.now += s.Line
	return len(p), nil
}

func simulate(q question) (any, error) {
	s := &simulated{}
	q.args(s)
	s.rand = rand.New(rand.NewSource(s.Seed))
	return newResult(exercise.Measure(s, s), s.events), nil
}

// real is a bench that is a vCPU.
type real struct {
	m      machine
	entry  uint16
	begin  time.Time
	events []event
	broken error
}

func (b *real) note(e event) {
	if len(b.events) < most {
		b.events = append(b.events, e)
	}
}

func (b *real) Now() time.Duration {
	b.note(event{What: "now"})
	return time.Since(b.begin)
}

func (b *real) Run(turns int, exits bool) {
	b.note(event{What: "run", Turns: turns, Exits: exits})
	code := []byte{0x66, 0xb9, 0, 0, 0, 0, 0x90, 0x90, 0x66, 0x49, 0x75, 0xfa, 0xf4} // mov ecx, turns; nop; nop; dec ecx; jnz back; hlt
	binary.LittleEndian.PutUint32(code[2:], uint32(turns))
	if exits {
		copy(code[6:], []byte{0xe6, 0x10}) // out 0x10, al
	}
	copy(b.m.ram[b.entry:], code)
	if b.broken = b.m.cpu.RealMode(b.entry); b.broken != nil {
		return
	}
	for {
		reason, err := b.m.cpu.Run()
		switch {
		case errors.Is(err, kvm.ErrInterrupted), err == nil && reason == kvm.ExitIO:
		case err == nil && reason == kvm.ExitHLT:
			return
		default:
			b.broken = errors.Join(err, errors.New("the guest of the grader does not run"))
			return
		}
	}
}

func run(q question) (any, error) {
	m, err := newMachine(q.fds[0], q.fds[1])
	if err != nil {
		return nil, err
	}
	defer m.close()
	b := &real{m: m, entry: 0x1000, begin: time.Now()}
	r := newResult(exercise.Measure(b, io.Discard), b.events)
	r.Own = b.own()
	return r, b.broken
}

// own measures as the statement says, briefly.
func (b *real) own() int64 {
	const samples, turns = 15, 100
	var list []time.Duration
	for range make([]int, samples) {
		begin := time.Now()
		b.Run(turns, true)
		middle := time.Now()
		b.Run(turns, false)
		list = append(list, (middle.Sub(begin)-time.Since(middle))/turns)
	}
	slices.Sort(list)
	return int64(list[samples/2])
}
