// Package agent starts programs in a guest, by its agent: the host's side of docs/agent.md. A connection has one process.
//
//	Exec    sends START, and carries the streams of the process that the guest makes of it
//	Attach  the guest has begun by itself: the command of `terem run`
//	Serve   is the other side, for a container: no agent is inside, and terem starts the programs (serve.go)
//
// The guest is hostile. Of what it says a length is compared with 32768 before anything is read by it, a text is cut and
// cleaned before anybody sees it, and nothing that it says makes more of it wait in memory than one buffer. What it leaves unsaid can make
// Exec wait for as long as the caller lets it: closing the connection ends it.
//
// Read exec.go first, then frame.go.
package agent
