package share

import (
	"encoding/binary"

	"terem/devices/virtio/fs"
)

// ServerWord is the first argument of the process that serves a directory. The next ones are words of Words.
const ServerWord = "share-server"

// IsServer says whether a program with these arguments is that process.
func IsServer(args []string) bool { return len(args) > 1 && args[1] == ServerWord }

// Words about the directory.
const (
	ReadOnlyWord = "ro"
	NoCacheWord  = "cache=none"
)

// The descriptors of that process: the directory (O_PATH), the memory, and the sockets of the slots.
const (
	DirFD    = 3
	MemoryFD = 4
	SocketFD = 5
)

// Slots is how many requests may be under way.
const Slots = 16

// A slot is room for a request, and for its answer behind that. Pages that were never used take no memory.
const (
	slotSize   = fs.MaxRequest + fs.MaxAnswer
	MemorySize = Slots * slotSize
)

// SlotOf cuts a slot out of the memory.
func SlotOf(memory []byte, i int) (request, answer []byte) {
	s := memory[i*slotSize:][:slotSize:slotSize]
	return s[:fs.MaxRequest:fs.MaxRequest], s[fs.MaxRequest:]
}

// MessageSize is that of a message on a slot's socket, a sequenced packet.
//
//	bytes  to the server                                      back
//	-----  -------------------------------------------------  ----------------------------
//	4      length of the request; 0: the session has ended    length of the answer; 0: none
//	4      room for the answer                                0
const MessageSize = 8

// Message is such a message.
type Message struct{ Length, Room uint32 }

// Put writes it.
func (m Message) Put(b []byte) {
	binary.LittleEndian.PutUint32(b, m.Length)
	binary.LittleEndian.PutUint32(b[4:], m.Room)
}

// Get reads it.
func Get(b []byte) Message {
	return Message{binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:])}
}
