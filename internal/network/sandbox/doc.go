// Package sandbox takes from the network process what it does not need, for good: it parses what a guest sends, and may be the guest's
// one day.
//
//	what              how                                                    where that is not to be had
//	----------------  -----------------------------------------------------  ---------------------------
//	root              setgroups(2), setgid(2), setuid(2) to nobody           it was not root
//	new rights        PR_SET_NO_NEW_PRIVS                                    it fails
//	files             Landlock, with no rule: none may be opened             before Linux 5.13
//	system calls      seccomp(2): those that sockets and Go's runtime make;  it fails
//	                  others are refused with EPERM
//
// The host's network it keeps: that is what it is for.
package sandbox
