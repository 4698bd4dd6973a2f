package target

// All lists every target that terem knows, from the lightest to the heaviest.
func All(w *Workspace) []Target {
	d := newDaemon(w)
	return []Target{
		&process{w: w},
		&own{w: w},
		&bwrap{w: w},
		newOCI(w, "crun"),
		newOCI(w, "runc"),
		&nspawn{w: w},
		&podman{w: w},
		&docker{w: w, d: d, network: ""},
		&docker{w: w, d: d, network: "none"},
		&docker{w: w, d: d, network: "host"},
		newGVisor(w),
		&jvm{w: w},
		&frozenVM{vm{w: w}},
		&warmVM{vm{w: w}},
		&vm{w: w},
		&qemu{w: w},
	}
}
