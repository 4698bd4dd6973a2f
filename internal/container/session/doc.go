// Package session is what `terem container run` does, apart from reading its flags: it
// starts a container, connects the user's terminal with it, passes signals on, keeps to
// the time limit, and turns the outcome into an exit status. It is to
// internal/container what internal/cli/launch is to internal/vm/machine.
//
// Read first: session.go. Terminals are in terminal.go, signals in signals.go.
package session
