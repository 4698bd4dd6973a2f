// Package cmdline writes what the host says to PID 1 of the default guest on the kernel command line, and
// names the ports through which that answers. The other side is guest/init/src/options.c and host.c.
package cmdline
