// Package launch is what `terem run` does, apart from reading its flags: it opens
// the images, composes the kernel command line, connects the user's terminal or
// pipes to the guest's serial port, waits, and turns the machine's outcome into an
// exit status.
package launch
