// Package fault has the errors that a person is told: one line that says what it is about, what is wrong and what mends
// it, and an exit status. Every other error is one that nobody foresaw.
//
// The floors below the command line do not know its flags: they name the field of a request or a configuration with Field,
// and whoever speaks to the user (Say) puts his own words there. An API says "Memory", a terminal "--memory".
package fault

import (
	"errors"
	"io/fs"
	"strings"
)

// Class says whose mistake an error is.
type Class int

const (
	Usage         Class = iota // what the user asked for, or a file that he named
	Host                       // what this host has or allows
	Guest                      // what the guest did
	NotExecutable              // the program is there, but cannot be executed
	NoProgram                  // the program is not there
	Gone                       // a machine or container that ended before what was done in it
)

// Exit statuses: those of sysexits.h (EX_USAGE, EX_UNAVAILABLE), of shells, and 84 and 85 for a guest with which terem cannot go
// on and for one that has gone.
const (
	StatusUsage         = 64
	StatusHost          = 69
	StatusGuest         = 84
	StatusGone          = 85
	StatusNotExecutable = 126
	StatusNoProgram     = 127
)

// Status is the exit status of a class.
func (c Class) Status() int {
	switch c {
	case Usage:
		return StatusUsage
	case Guest:
		return StatusGuest
	case Gone:
		return StatusGone
	case NotExecutable:
		return StatusNotExecutable
	case NoProgram:
		return StatusNoProgram
	}
	return StatusHost
}

// Error is a failure in words. Thing, Cause and Mend may have fields in them.
type Error struct {
	Class Class
	Thing string // what it is about: Field("Memory") + " 1T", or "disk /srv/a.img"
	Cause string // "this host has 23.4 GiB"
	Mend  string // "ask for less"
	Err   error  // the underlying error, if any
}

// Error is the line, with fields by their names.
func (e *Error) Error() string { return e.line(plain) }

// Unwrap returns the underlying error.
func (e *Error) Unwrap() error { return e.Err }

func (e *Error) line(name func(field string) string) string {
	s := e.Thing
	if e.Cause != "" {
		s += ": " + e.Cause
	}
	if e.Err != nil {
		s += ": " + Say(e.Err, name)
	}
	if e.Mend != "" {
		s += "; " + e.Mend
	}
	return Words(s, name)
}

// mark stands on both sides of a field's name: no argument, path or name of the kernel's can have it in it.
const mark = "\x00"

// Field stands for a field of what was asked for, in a text that a person is told.
func Field(name string) string { return mark + name + mark }

func plain(field string) string { return field }

// Words is a text with each field called by name.
func Words(text string, name func(field string) string) string {
	parts := strings.Split(text, mark)
	for i := 1; i < len(parts); i += 2 {
		parts[i] = name(parts[i])
	}
	return strings.Join(parts, "")
}

// Say is the line for an error, with each field called by name.
func Say(err error, name func(field string) string) string {
	var e *Error
	if !errors.As(err, &e) {
		return err.Error()
	}
	return strings.Replace(err.Error(), e.Error(), e.line(name), 1)
}

// Status is the exit status for an error. One that nobody foresaw is the host's.
func Status(err error) int {
	var e *Error
	if !errors.As(err, &e) {
		return StatusHost
	}
	return e.Class.Status()
}

// Reason is an error without the operation and the path that package os puts before it ("open PATH: "), for a line that names
// the path already.
func Reason(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
