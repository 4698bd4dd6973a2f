// Package gdb lets gdb look at a virtual machine, by its remote serial protocol ("Debugging with GDB", appendix E).
//
//	gdb ◄── connection ──► session ◄── Target ──► the machine's vCPUs
//
// A vCPU is a thread to gdb: vCPU 0 is thread 1. All of them stop and go together, unless gdb asks for less. What this package does
// not know, it answers with an empty packet, as the protocol has it.
//
// The other side is a stranger: what it sends is bounded before it is kept, a packet that makes no sense is refused, and one that
// does not read is given up. One connection is served at a time: another is told so, but takes the place of one that has said nothing. A
// connection that ends without "detach" leaves the machine as it is: what was stopped waits for the next gdb, what ran runs on. Its breakpoints
// go with it.
//
// Read first: target.go (what is looked at), packet.go (how it is said), session.go (who says what), then command.go, run.go and query.go.
package gdb
