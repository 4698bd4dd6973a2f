package main

import (
	"bytes"

	"exercise"
)

var ops = map[string]func(question) (any, error){
	"io":  handle,
	"run": run,
}

// handle has one access answered, in a page that the grader made.
func handle(q question) (any, error) {
	var a struct {
		Page []byte `json:"page"`
	}
	q.args(&a)
	var out bytes.Buffer
	err := exercise.HandleIO(a.Page, &out)
	return map[string]any{"page": a.Page, "out": out.Bytes(), "error": text(err)}, nil
}

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
	if err := m.cpu.RealMode(a.Entry); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	x := m.look(exercise.Run(m.cpu, &out))
	x.Out = out.Bytes()
	if len(x.Out) > 4096 {
		x.Out = x.Out[:4096]
	}
	return x, nil
}
