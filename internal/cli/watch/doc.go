// Package watch has what looks at a machine while `terem run` runs it: gdb's server (--gdb).
package watch
