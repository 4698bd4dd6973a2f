package agent

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// Start says what to start.
type Start struct {
	Argv       []string // the command; without a slash it is looked for in the guest's PATH
	Env        []string // K=V, over what the guest has
	Dir        string   // nothing: /
	User       string   // name, uid, uid:gid or name:group; nothing: root
	TTY        bool     // a terminal is all three streams
	Detach     bool     // it outlives the connection, and has no streams
	Hold       bool     // it stands still at its first instruction until Streams.Held comes back
	Rows, Cols uint16   // size of the terminal; 0: unknown
}

// Flags of START, and its limits.
const (
	flagTTY    = 1
	flagDetach = 2
	flagHold   = 4

	maxArgs = 4096
	maxEnv  = 512
)

// Check says what of it no guest takes.
func (s *Start) Check() error {
	_, err := s.frame()
	return err
}

// frame is START.
func (s *Start) frame() ([]byte, error) {
	switch {
	case len(s.Argv) == 0:
		return nil, errors.New("there is no command to start")
	case len(s.Argv) > maxArgs:
		return nil, fmt.Errorf("a command of %d words; a guest takes %d", len(s.Argv), maxArgs)
	case len(s.Env) > maxEnv:
		return nil, fmt.Errorf("%d variables; a guest takes %d", len(s.Env), maxEnv)
	case s.TTY && s.Detach:
		return nil, errors.New("what is detached has no terminal")
	case s.Hold && s.Detach:
		return nil, errors.New("what is detached does not wait for anybody")
	}
	var flags byte
	if s.TTY {
		flags |= flagTTY
	}
	if s.Detach {
		flags |= flagDetach
	}
	if s.Hold {
		flags |= flagHold
	}
	b := appendFrame(nil, start, flags, 0)
	b = binary.LittleEndian.AppendUint16(b, s.Rows)
	b = binary.LittleEndian.AppendUint16(b, s.Cols)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(s.Argv)))
	for _, list := range [][]string{{s.User, s.Dir}, s.Argv, s.Env} {
		for _, word := range list {
			if strings.IndexByte(word, 0) >= 0 {
				return nil, fmt.Errorf("%q holds a NUL, which ends a word", word)
			}
			b = append(append(b, word...), 0)
		}
	}
	if len(b)-header > maxFrame {
		return nil, fmt.Errorf("a command and an environment of %d bytes; a guest takes %d", len(b)-header, maxFrame)
	}
	binary.LittleEndian.PutUint32(b[1:], uint32(len(b)-header))
	return b, nil
}
