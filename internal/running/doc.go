// Package running keeps a directory for each machine and each container that runs, under its name: there it has its sockets.
//
//	ROOT/NAME/lock          held (fcntl(2), F_OFD_SETLK) as long as NAME runs: the kernel lets go of it with the process
//	ROOT/NAME/control.sock  package control
//	ROOT/NAME/vsock.sock    package vsock: ports of the guest
//	ROOT/NAME/log           the console of a machine that was detached
//
// ROOT is /run/terem for root, and $XDG_RUNTIME_DIR/terem for others. A directory whose lock nobody holds is what a killed
// terem left behind: whoever meets it clears it.
package running
