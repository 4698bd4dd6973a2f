// Package bare compiles small C programs without a C library for the guest: PID 1 and the measured program.
//
// A Program is its own source files and the ones of this package: src/sys.h makes system calls, src/text.c has
// strings and numbers. Parts lists all that decides what comes out, for the cache's key.
package bare
