package main

import (
	"exercise"
	"exercise/kvm"
)

// remote is a vCPU that the grader plays: each Run, each ImmediateExit is a call, and so is what a runner is given beside it.
type remote struct{ *calls }

func (r remote) Run() (uint32, error) {
	var a struct {
		Reason      uint32 `json:"reason"`
		Interrupted bool   `json:"interrupted"`
	}
	r.do("run", nil, &a)
	if a.Interrupted {
		return 0, kvm.ErrInterrupted
	}
	return a.Reason, nil
}

func (r remote) ImmediateExit(on bool) { r.do("immediate exit", on, nil) }

func (r remote) handle(reason uint32) error {
	r.do("handle", reason, nil)
	return nil
}

func (r remote) signal() { r.do("signal", nil, nil) }

// play has a runner run a vCPU of the grader's, and stops it when the grader says so.
func play(q question) (any, error) {
	r := remote{newCalls(q)}
	runner := exercise.NewRunner(r, r.handle, r.signal)
	go func() {
		r.do("loop?", nil, nil)
		r.do("loop ended", text(runner.Loop()), nil)
	}()
	go func() {
		r.do("stop?", nil, nil)
		runner.Stop()
		r.do("stop returned", nil, nil)
	}()
	r.serve()
	return true, nil
}
