// Package agent holds the source of the agent, which starts programs in a guest for its host: C without a C library. It is
// a part of PID 1 of the default guest (package pid1), and a program of its own for guests with another.
//
// docs/agent.md has the protocol, package terem/internal/vm/agent the host's side. Read src/agent.c first.
package agent
