package reach

import (
	"embed"

	"terem/guest/bare"
)

//go:embed src/*.c
var source embed.FS

// Program is the program.
func Program() bare.Program { return bare.Program{Name: "reach", Source: source} }
