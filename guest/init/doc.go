// Package pid1 holds the source of PID 1 of terem's default guest: a small C program without a C library,
// compiled when the guest is built.
//
// Read src/init.c first; src/options.c and src/host.c are its contract with the host.
package pid1
