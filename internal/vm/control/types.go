package control

import (
	"context"
	"time"
)

// Kinds of what runs.
const (
	KindVM        = "vm"
	KindContainer = "container"
)

// States of it.
const (
	StateRunning = "running"
	StatePaused  = "paused"
	StateEnded   = "ended"
)

// Info is what something that runs is.
type Info struct {
	Name    string    `json:"name"`
	Kind    string    `json:"kind"`
	State   string    `json:"state"`
	PID     int       `json:"pid"` // of the process that holds it
	Started time.Time `json:"started"`
	Command []string  `json:"command"` // empty: a shell
	CPUs    float64   `json:"cpus"`    // 0: no limit
	Memory  uint64    `json:"memory"`  // bytes; 0: no limit
	Agent   bool      `json:"agent"`   // programs can be started in it
	Log     string    `json:"log"`     // the file with its console, if there is one
}

// Stats is what it uses. A number that nobody knows is absent.
type Stats struct {
	CPU      time.Duration `json:"cpu_ns"`   // processor time so far
	Resident uint64        `json:"resident"` // bytes of the host's memory
	Read     uint64        `json:"read"`     // bytes from the host's disks so far
	Written  uint64        `json:"written"`  // bytes to them
	Guest    *GuestMemory  `json:"guest,omitempty"`
}

// GuestMemory is what a guest's kernel says, in bytes.
type GuestMemory struct {
	Total     uint64 `json:"total"`
	Free      uint64 `json:"free"`
	Available uint64 `json:"available"`
	Balloon   uint64 `json:"balloon"` // what it has given back
}

// End is how it ended.
type End struct {
	Status int    `json:"status"` // of the terem that ran it
	Why    string `json:"why"`
}

// Verbs is what a machine or a container can be asked for. One that it does not know is nil.
type Verbs struct {
	Info    func() Info
	Stats   func(context.Context) (Stats, error)
	Exits   func() (any, error) // a value for package json
	Pause   func() error
	Resume  func() error
	Stop    func(grace time.Duration) // asks, waits so long, ends it; returns at its end
	Kill    func()
	Balloon func(bytes uint64) error
	// Snapshot writes it into a directory. It gives up when the context ends.
	Snapshot func(context.Context, Snapshot) error
	// Ended is closed at its end; End then says how it was.
	Ended <-chan struct{}
	End   func() End
}

type stopRequest struct {
	Seconds float64 `json:"seconds"`
}

// Snapshot is one that is asked for.
type Snapshot struct {
	Dir     string `json:"dir"`     // an absolute path
	Replace bool   `json:"replace"` // a snapshot that is there
	Diff    bool   `json:"diff"`    // only what has changed since the one from which the machine was restored
}

type balloonRequest struct {
	Bytes *uint64 `json:"bytes"`
}

type errorReply struct {
	Error string `json:"error"`
}
