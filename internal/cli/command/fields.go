package command

// FlagOf is the flag that sets a field of what was asked for, which package fault and all below it call by its own name.
func FlagOf(field string) string {
	flag, known := map[string]string{
		"Append":     "--append",
		"Balloon":    "--balloon",
		"Binds":      "--share",
		"CPU":        "--cpu",
		"CPUs":       "--cpus",
		"Columns":    "--column",
		"Console":    "--console",
		"Detach":     "--detach",
		"Diff":       "--diff",
		"Dir":        "--workdir",
		"Disks":      "--disk",
		"Force":      "--force",
		"GDB":        "--gdb",
		"Groups":     "--measure",
		"Hostname":   "--hostname",
		"Initrd":     "--initrd",
		"Kernel":     "--kernel",
		"Memory":     "--memory",
		"NetDump":    "--net-dump",
		"Network":    "--net",
		"Number":     "--number",
		"Only":       "--only",
		"PIDs":       "--pids",
		"Ports":      "--publish",
		"Profile":    "--profile",
		"ReadBPS":    "--io-read",
		"Root":       "--root",
		"Rows":       "--row",
		"Shares":     "--share",
		"Size":       "--size",
		"TTY":        "--tty",
		"SnapshotAt": "--snapshot-at",
		"Targets":    "--targets",
		"Trace":      "--trace",
		"TraceOnly":  "--trace-only",
		"Users":      "--userns",
		"Vsock":      "--vsock",
		"Warm":       "--warm",
		"WriteBPS":   "--io-write",
	}[field]
	if !known {
		return field
	}
	return flag
}
