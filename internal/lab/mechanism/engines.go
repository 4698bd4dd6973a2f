package mechanism

// engine has what is expected of an engine's containers where that differs from terem's, by row.
func engine(name string) places {
	if name == "runsc" {
		return gVisor()
	}
	const root = "root inside is root outside, for want of a user namespace; but it has not "
	return places{
		"host-name":      safe("its own UTS namespace; " + root + "CAP_SYS_ADMIN, which the call wants"),
		"mount-over":     safe("its own mount namespace; " + root + "CAP_SYS_ADMIN, which the call wants"),
		"network-down":   safe("its own network namespace; " + root + "CAP_NET_ADMIN, which the call wants"),
		"kernel-setting": safe("/proc/sys is mounted read-only: without a user namespace that alone prevents it, since root owns the file"),
		"clock":          safe(root + "CAP_SYS_TIME, which the call wants"),
	}
}

// gVisor answers system calls itself.
func gVisor() places {
	all := places{}
	for row := range table() {
		all[row] = safe("each has a kernel of its own, in user space, which answers its system calls; of the host's it asks for few things")
	}
	all["calls"] = another(all["calls"].Decides)
	all["cpu"] = table()["cpu"]["container"]
	return all
}
