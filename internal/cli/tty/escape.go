package tty

import "bytes"

// Action is what the user asked terem itself to do.
type Action int

const (
	None  Action = iota
	Quit         // Ctrl-A x
	Help         // Ctrl-A h, Ctrl-A ?
	Break        // Ctrl-A b
)

// HelpText explains the keys; its lines end as a raw terminal needs it.
const HelpText = "\r\n" +
	"Ctrl-A x       end the guest\r\n" +
	"Ctrl-A b       send a break (then a SysRq key)\r\n" +
	"Ctrl-A Ctrl-A  send Ctrl-A\r\n" +
	"Ctrl-A h       this help\r\n"

const ctrlA = 0x01

// Escape finds terem's keys in what the user types. The zero value is ready.
type Escape struct {
	armed bool // the last byte was an unanswered Ctrl-A
}

// Next cuts typed input after the first action in it: what to send to the guest,
// the action, and the rest, which has not been looked at. send aliases typed.
// After Ctrl-A, a key without a meaning is dropped.
func (e *Escape) Next(typed []byte) (send []byte, a Action, rest []byte) {
	if !e.armed {
		i := bytes.IndexByte(typed, ctrlA)
		if i < 0 {
			return typed, None, nil
		}
		e.armed = true
		if i > 0 || len(typed) == 1 {
			return typed[:i], None, typed[i+1:]
		}
		typed = typed[1:]
	}
	if len(typed) == 0 {
		return nil, None, nil
	}
	e.armed = false
	switch key, rest := typed[0], typed[1:]; key {
	case ctrlA:
		return typed[:1], None, rest
	case 'x', 'X':
		return nil, Quit, rest
	case 'h', 'H', '?':
		return nil, Help, rest
	case 'b', 'B':
		return nil, Break, rest
	default:
		return nil, None, rest
	}
}
