// Package exercise makes a container from system calls, and decides when a container is enough.
package exercise

import "fmt"

// Flags are those of clone(2) for the first process of a container: namespaces of its own.
func Flags() uintptr {
	return CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP
}

// Limit gives a control group (version 2) its limits and puts a process into it. Group is the group's directory, which is there and empty. The
// process has been made with Flags, and waits: it executes nothing before Limit returns.
func Limit(k Kernel, group string, pid int, l Limits) error {
	const period = 100_000
	for _, f := range [][2]string{
		{"memory.max", fmt.Sprint(l.Memory)},
		{"memory.swap.max", "0"}, // or what does not fit goes there
		{"pids.max", fmt.Sprint(l.PIDs)},
		{"cpu.max", fmt.Sprintf("%d %d", int(l.CPUs*period), period)},
		{"cgroup.procs", fmt.Sprint(pid)}, // last: from here on it has all of them
	} {
		if err := k.Write(group+"/"+f[0], f[1]); err != nil {
			return fmt.Errorf("%s: %w", f[0], err)
		}
	}
	return nil
}

// Enter is called by the first process of a container, which is in new namespaces and still sees all that its parent saw: the host's mounts, its
// current directory, its host name. It makes the process the container's and executes the program.
func Enter(k Kernel, c Config) error {
	for _, step := range []func() error{
		func() error { return k.Mount("", "/", "", MS_REC|MS_PRIVATE, "") },
		func() error { return k.Mount(c.Root, c.Root, "", MS_BIND|MS_REC, "") }, // now it is a mount point
		func() error { return k.Mount("proc", c.Root+"/proc", "proc", MS_NOSUID|MS_NODEV|MS_NOEXEC, "") },
		func() error { return k.PivotRoot(c.Root, c.Root+"/old") },
		func() error { return k.Chdir("/") },
		func() error { return k.Unmount("/old", MNT_DETACH) },
		func() error { return k.Sethostname(c.Hostname) },
		func() error { return k.NoNewPrivs() },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return k.Exec(c.Argv)
}
