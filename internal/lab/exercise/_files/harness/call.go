package main

import (
	"encoding/json"
	"fmt"
	"os"
	"sync"
)

// calls are what the harness asks of the grader while it works on a question: there a device, a processor or a kernel is played,
// so that nothing of it is in this process. Any goroutine may call.
type calls struct {
	nonce string

	mu      sync.Mutex
	last    int
	waiting map[int]chan json.RawMessage
}

// callMessage is one of them, as a message. The reply has its number.
type callMessage struct {
	Nonce string `json:"nonce"`
	Call  string `json:"call"`
	ID    int    `json:"id"`
	Arg   any    `json:"arg,omitempty"`
}

// replyMessage is what comes back. Last says that the question is over: what still waits waits for ever.
type replyMessage struct {
	ID    int             `json:"id"`
	Value json.RawMessage `json:"value"`
	Last  bool            `json:"last"`
}

func newCalls(q question) *calls {
	return &calls{nonce: q.Nonce, waiting: map[int]chan json.RawMessage{}}
}

// do asks, waits for the reply, and decodes it. Into may be nil.
func (c *calls) do(name string, arg, into any) {
	came := make(chan json.RawMessage, 1)
	c.mu.Lock()
	c.last++
	m := callMessage{Nonce: c.nonce, Call: name, ID: c.last, Arg: arg}
	c.waiting[m.ID] = came
	c.mu.Unlock()
	send(m)
	value := <-came
	if into == nil {
		return
	}
	if err := json.Unmarshal(value, into); err != nil {
		panic(err) // the grader wrote it
	}
}

// serve hands replies out until the question is over.
func (c *calls) serve() {
	for {
		data, _, err := message()
		if err != nil {
			os.Exit(0) // the grader has gone
		}
		var r replyMessage
		if err := json.Unmarshal(data, &r); err != nil {
			fmt.Fprintln(os.Stderr, "grader:", err)
			os.Exit(1)
		}
		if r.Last {
			return
		}
		c.mu.Lock()
		came := c.waiting[r.ID]
		delete(c.waiting, r.ID)
		c.mu.Unlock()
		if came != nil {
			came <- r.Value
		}
	}
}
