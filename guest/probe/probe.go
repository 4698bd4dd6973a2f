package probe

import (
	"embed"

	"terem/guest/bare"
)

//go:embed src/*.c src/*.h
var source embed.FS

// Program is the measured program.
func Program() bare.Program { return bare.Program{Name: "probe", Source: source} }
