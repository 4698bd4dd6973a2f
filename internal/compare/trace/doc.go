// Package trace counts the system calls that a program and all its descendants make, and
// the processes and threads that they make, by ptrace(2).
//
// A traced program is slow, and a program that traces others itself, as gVisor's ptrace
// platform does, cannot be traced. Calls of processes that are no descendants, such as an
// engine's daemon, are not seen.
package trace
