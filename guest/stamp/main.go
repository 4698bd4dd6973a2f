// Command stamp writes guest/hashes.go, from the top of the module: the build does so whenever a source of the guest has
// changed.
package main

import (
	"fmt"
	"os"

	"terem/guest/recipe"
)

const file = "guest/hashes.go"

func main() {
	if err := stamp(); err != nil {
		fmt.Fprintf(os.Stderr, "stamp: %v\n", err)
		os.Exit(1)
	}
}

func stamp() error {
	text, err := recipe.Source()
	if err != nil {
		return err
	}
	return os.WriteFile(file, []byte(text), 0o644)
}
