// The grader's part of the program: it takes questions, has the student's functions do the work, and sends what came of it.
//
// A question is one message on standard input, which is a socket: JSON, and descriptors beside it. The answer repeats the
// question's nonce. What is printed goes elsewhere and counts for nothing.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
)

const (
	socket  = 0
	longest = 60 << 10 // bytes of a message
	mostFDs = 8
)

type question struct {
	Nonce string          `json:"nonce"`
	Op    string          `json:"op"`
	Args  json.RawMessage `json:"args"`
	Left  int64           `json:"left"` // milliseconds until the grader gives up
	fds   []int
}

type answer struct {
	Nonce string `json:"nonce"`
	Value any    `json:"value,omitempty"`
	Error string `json:"error,omitempty"` // of the harness: the question cannot be answered
	Panic string `json:"panic,omitempty"`
}

// args decodes the arguments of a question, which the grader wrote.
func (q question) args(into any) {
	if err := json.Unmarshal(q.Args, into); err != nil {
		panic(err)
	}
}

func main() {
	runtime.LockOSThread()      // a vCPU likes its thread
	debug.SetMaxStack(64 << 20) // a function that calls itself for ever is told so before memory is full
	for {
		q, err := receive()
		if err != nil {
			os.Exit(0) // the grader has gone
		}
		send(work(q))
		for _, fd := range q.fds {
			syscall.Close(fd)
		}
	}
}

// work answers a question, whatever the student's function does.
func work(q question) (a answer) {
	defer func() {
		a.Nonce = q.Nonce
		if r := recover(); r != nil {
			a.Panic = fmt.Sprintf("%v, in %s", r, place())
		}
	}()
	op, ok := ops[q.Op]
	if !ok {
		return answer{Error: "no such question: " + q.Op}
	}
	value, err := op(q)
	if err != nil {
		return answer{Error: err.Error()}
	}
	return answer{Value: value}
}

// place is where the student's code panicked.
func place() string {
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs)])
	for {
		f, more := frames.Next()
		if strings.HasPrefix(f.Function, "exercise") {
			return fmt.Sprintf("%s:%d", f.File[strings.LastIndexByte(f.File, '/')+1:], f.Line)
		}
		if !more {
			return "the standard library"
		}
	}
}

func receive() (question, error) {
	var q question
	data, fds, err := message()
	if err != nil {
		return q, err
	}
	q.fds = fds
	return q, json.Unmarshal(data, &q)
}

// message takes one, and the descriptors that come with it.
func message() (data []byte, fds []int, err error) {
	data, control := make([]byte, longest), make([]byte, syscall.CmsgSpace(mostFDs*4))
	n, cn, _, _, err := syscall.Recvmsg(socket, data, control, syscall.MSG_CMSG_CLOEXEC)
	for errors.Is(err, syscall.EINTR) {
		n, cn, _, _, err = syscall.Recvmsg(socket, data, control, syscall.MSG_CMSG_CLOEXEC)
	}
	if err != nil || n == 0 {
		return nil, nil, errors.Join(err, errors.New("no question"))
	}
	messages, err := syscall.ParseSocketControlMessage(control[:cn])
	if err != nil {
		return nil, nil, err
	}
	for i := range messages {
		more, err := syscall.ParseUnixRights(&messages[i])
		if err != nil {
			return nil, nil, err
		}
		fds = append(fds, more...)
	}
	return data[:n], fds, nil
}

func send(v any) {
	b, err := json.Marshal(v)
	if err == nil && len(b) > longest {
		err = fmt.Errorf("an answer of %d bytes", len(b))
	}
	for err == nil {
		_, err = syscall.Write(socket, b)
		if err == nil {
			return
		}
		if errors.Is(err, syscall.EINTR) {
			err = nil
		}
	}
	fmt.Fprintln(os.Stderr, "grader:", err)
	os.Exit(1)
}

// mapFile maps all of a file that the grader gave as memory.
func mapFile(fd int) []byte {
	var st syscall.Stat_t
	if err := syscall.Fstat(fd, &st); err != nil {
		panic(err)
	}
	b, err := syscall.Mmap(fd, 0, int(st.Size), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		panic(err)
	}
	return b
}

// text is an error as a string, "" for none.
func text(err error) string {
	if err == nil {
		return ""
	}
	return cut(err.Error())
}

func cut(s string) string {
	const most = 500
	if len(s) > most {
		s = s[:most] + "..."
	}
	return s
}
