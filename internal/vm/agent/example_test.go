package agent_test

import (
	"fmt"
	"io"
	"net"
	"os"

	"terem/internal/vm/agent"
)

// ExampleExec talks to a guest that has "hi" for everybody.
func ExampleExec() {
	host, guest := net.Pipe()
	go io.Copy(io.Discard, guest)
	go func() {
		io.WriteString(guest, "\x14\x04\x00\x00\x00\x01\x00\x00\x00") // STARTED, process 1
		io.WriteString(guest, "\x10\x03\x00\x00\x00hi\n")             // STDOUT
		io.WriteString(guest, "\x12\x02\x00\x00\x00\x00\x07")         // EXIT, status 7
	}()
	status, err := agent.Exec(host, agent.Start{Argv: []string{"greet"}}, agent.Streams{Stdout: os.Stdout})
	fmt.Println(status.Exit(), err)
	// Output:
	// hi
	// 7 <nil>
}
