// Command server is the process that serves a directory, for tests: built without cgo, as terem is, it can confine all its threads.
package main

import (
	"os"

	"terem/internal/vm/share/process"
)

func main() { os.Exit(process.Main(os.Args[2:])) }
