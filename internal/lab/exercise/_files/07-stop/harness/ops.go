package main

import (
	"encoding/binary"
	"os"
	"runtime"
	"syscall"
	"time"

	"exercise"
	"exercise/kvm"
)

var ops = map[string]func(question) (any, error){
	"play": play,
	"run":  run,
}

// patience is for what a runner should do at once. Only one that is wrong takes so long.
const patience = 2 * time.Second

// run has a real guest stopped again and again. It reads a port in a loop; whatever it was told last must be in AX. What it makes of
// all that it was told is in memory, which the grader reads.
func run(q question) (any, error) {
	var a struct {
		Entry uint16   `json:"entry"`
		First uint16   `json:"first"`
		Step  uint16   `json:"step"`
		After []uint32 `json:"after"` // microseconds
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
	next, answers := a.First, 0
	handle := func(reason uint32) error {
		if reason == kvm.ExitIO {
			next += a.Step
			answers++
			binary.LittleEndian.PutUint16(m.cpu.Page[binary.LittleEndian.Uint64(m.cpu.Page[40:]):], next)
		}
		return nil
	}
	type stop struct {
		AX    uint16 `json:"ax"`
		Last  uint16 `json:"last"`
		RIP   uint64 `json:"rip"`
		Error string `json:"error"`
	}
	var stops []stop
	for _, us := range a.After {
		err, hung := stopAfter(m.cpu, handle, time.Duration(us)*time.Microsecond)
		if hung {
			return map[string]any{"stops": stops, "hung": true}, nil
		}
		m.cpu.ImmediateExit(false)
		r, _ := m.cpu.Regs()
		stops = append(stops, stop{uint16(r.RAX), next, r.RIP, text(err)})
	}
	return map[string]any{"stops": stops, "answers": answers}, nil
}

// stopAfter runs a vCPU on a thread of its own, and stops it.
func stopAfter(cpu *kvm.VCPU, handle func(uint32) error, after time.Duration) (err error, hung bool) {
	const tgkill = 234
	tid, ended, stopped := make(chan int, 1), make(chan error, 1), make(chan bool)
	var thread int
	r := exercise.NewRunner(cpu, handle, func() {
		syscall.RawSyscall(tgkill, uintptr(os.Getpid()), uintptr(thread), uintptr(syscall.SIGURG))
	})
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		tid <- syscall.Gettid()
		ended <- r.Loop()
	}()
	thread = <-tid
	time.Sleep(after)
	go func() { r.Stop(); close(stopped) }()
	select {
	case <-stopped:
	case <-time.After(patience):
		return nil, true
	}
	select {
	case err := <-ended:
		return err, false
	case <-time.After(patience):
		return nil, true
	}
}
