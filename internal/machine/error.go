package machine

import "fmt"

// Class says whose mistake an error is.
type Class int

const (
	Usage Class = iota // what the user asked for
	Host               // what this host has or allows
	Guest              // what the guest did
)

// Error is a failure in words for the person at the terminal: what it is about,
// what is wrong, and what mends it.
type Error struct {
	Class Class
	Thing string // "--memory 1T"
	Cause string // "this host has 23.4 GiB"
	Mend  string // "ask for less"
	Err   error  // the underlying error, if any
}

func (e *Error) Error() string {
	s := e.Thing
	if e.Cause != "" {
		s += ": " + e.Cause
	}
	if e.Err != nil {
		s += fmt.Sprintf(": %v", e.Err)
	}
	if e.Mend != "" {
		s += "; " + e.Mend
	}
	return s
}

// Unwrap returns the underlying error.
func (e *Error) Unwrap() error { return e.Err }
