// Command terem-share serves one directory of this host to a guest, for `terem run --share`, which starts it. It is a program of its own
// for what it may do, which is little, and for what it links, whose initialisation the others are not to pay for.
package main

import (
	"fmt"
	"os"

	"terem/internal/vm/share"
	"terem/internal/vm/share/process"
)

func main() {
	if !share.IsServer(os.Args) {
		fmt.Fprintln(os.Stderr, "terem-share: a part of terem, which calls it; run terem")
		os.Exit(64)
	}
	os.Exit(process.Main(os.Args[2:]))
}
