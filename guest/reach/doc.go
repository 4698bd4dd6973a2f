// Package reach holds the source of a small static C program for attackers of the lab (internal/lab/experiment): it does what a shell
// cannot. It is in no guest; the lab puts it where it is needed.
//
//	reach inotify MOST [hold]       opens inotify instances until the kernel refuses or there are MOST: "inotify OPEN ERRNO";
//	                                status 1 if it was refused. With hold it keeps them until a signal ends it
//	reach memory MIB                fills so much memory, says "memory MIB 0", and keeps it until a signal ends it
//	reach calls                     makes each system call with arguments that are all ones, which mean nothing:
//	                                "calls ANSWERED TRIED". Refused is what answers ENOSYS or EPERM
//
// The last does harm where it has rights: only in a machine that nobody needs.
package reach
