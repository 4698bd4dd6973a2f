// Package tty puts the user's terminal at the guest's disposal, and gives it back
// whatever happens.
//
// Raw passes every key to the guest, so Ctrl-C interrupts a program in the guest
// and not terem. Escape finds terem's own keys in the stream. Output writes to the
// terminal or a pipe in a way that can be called off.
package tty
