// Command bench measures terem beside other ways to run a virtual machine, in one
// run on one host:
//
//	start    from fork to the first byte that a guest of seven instructions writes, and to the
//	         program's end; and to the first byte of a guest that is restored from a snapshot
//	exit     a port write's round trip to the VMM: the time between two bytes, with a loop of
//	         10,000 writes in long mode between them; the loop's own instructions are part of it;
//	         also with terem keeping a record of each
//	boot     from fork to the first line of init of terem's default guest, 1 vCPU, 128 MiB; and the
//	         guest kernel's instructions and exits, which hold for other hosts too
//	exec     another program in a guest that runs, beside a shell in there that starts it; and 1 MiB through a
//	         guest's cat, by the agent and by the serial console
//	warm     a program in a machine that boots, in one that goes on from a snapshot of a guest or of the program, and in a container
//	timer    how late a sleep of a millisecond ends, on the host and in a guest of 1 and 2 vCPUs; and
//	         the CPU time of such a guest when it is idle
//	memory   the VMM's private dirty memory outside guest RAM, with an idle shell in the guest
//
// The others are the floor (floor/floor.c: terem's ioctls in plain C; with -b, fewer), QEMU's microvm (with
// its own firmware, and with a ROM of ours: the least it can take) and gokvm. Whatever is missing is named,
// with the line that installs it, and the rest goes on. In each round every VMM runs once, in a new random
// order, 20 ms apart, so that a busy moment of the host meets all alike. Ratios are of medians, and their
// intervals are drawn by rounds.
//
// Nothing here fails because something is slow: goals are printed as met or missed. Run it from
// the repository's root with `make bench`, or a part of it with
//
//	go run ./bench -only start,exit -rounds 100 -o /tmp/bench.json
//
// Read main.go first, then vmm.go for who takes part, then start.go.
package main
