package main

import (
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"time"

	"terem/internal/hardware/wire"
)

// scriptDir is where a script and the files that go with it lie in the outer system.
const scriptDir = "/root"

// carry boots an outer system in which busybox's shell runs a script, and prints what that says at its end.
// The result is whether it ended with status 0.
func (o options) carry(ctx context.Context, tmp string, out outer) (bool, error) {
	for _, name := range append([]string{o.script}, o.files...) {
		info, err := os.Stat(name)
		if err != nil {
			return false, err
		}
		if err := addHost(out.root, path.Join(scriptDir, filepath.Base(name)), name, uint32(info.Mode().Perm())); err != nil {
			return false, err
		}
	}
	out.jobs = []wire.Job{{
		Name:  "script",
		Argv:  []string{"/bin/busybox", "sh", path.Join(scriptDir, filepath.Base(o.script))},
		Env:   []string{"PATH=/bin:/sbin:/usr/bin", "HOME=/root"},
		Dir:   scriptDir,
		Limit: o.limit,
	}}
	rec, err := out.run(ctx, tmp)
	if err != nil {
		return false, err
	}
	said := rec.jobs[0]
	if _, err := os.Stdout.Write(said.output.Bytes()); err != nil {
		return false, err
	}
	if rec.failure != "" {
		return false, fmt.Errorf("%s\n%s", rec.failure, rec.console)
	}
	fmt.Fprintf(os.Stderr, "hardware: %s, Linux %s: the script took %.0f s\n", out.backend.title, rec.release, rec.took.Seconds())
	if why := said.end.String(); why != "" {
		return false, fmt.Errorf("the script: %s", why)
	}
	return true, nil
}

// scriptLimit is how long a script may take by the outer system's clock, unless --limit says so.
const scriptLimit = 10 * time.Minute
