package agent

import (
	"embed"
	"io/fs"

	"terem/guest/bare"
)

//go:embed src/*.c src/*.h
var source embed.FS

//go:embed alone/src/*.c
var alone embed.FS

// Source is all but the start of a program, for those that have the agent in them.
func Source() fs.FS { return source }

// Program is the agent as a static program, which a guest's init starts. It serves the host over vsock; with the name of
// a unix socket, whoever calls there.
func Program() bare.Program {
	sub, err := fs.Sub(alone, "alone")
	if err != nil {
		panic(err) // the name is a constant
	}
	return bare.Program{Name: "agent", Source: sub, Shared: []fs.FS{source}}
}
