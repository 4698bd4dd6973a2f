package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"time"

	"terem/guest/initramfs"
	"terem/internal/hardware/wire"
)

// measureSelftests is package guest/selftests: the kernel's own selftests, in the outer system and in a guest there.
const measureSelftests = "selftests"

// Where the outer system has them.
const (
	selftestsFile = tree + "/selftests"
	selftestsDir  = tree + "/programs"
)

// selftestsBound is the longest that all of them may take, of the outer system's clock.
const selftestsBound = time.Hour

// selftests boots an outer system and compares there.
func (o options) selftests(ctx context.Context, tmp string, out outer) (bool, error) {
	if err := addSelftests(ctx, out.root, tmp); err != nil {
		return false, err
	}
	argv := []string{selftestsFile, "--terem", "/bin/terem", "--bound", selftestsBound.String(), "--only", os.Getenv("SELFTESTS")}
	argv = append(append(argv, strings.Fields(os.Getenv("SELFTESTS_FLAGS"))...), selftestsDir)
	out.jobs = []wire.Job{{Name: o.what, Argv: argv, Limit: selftestsBound + 5*time.Minute}}
	rec, err := out.run(ctx, tmp)
	if err != nil {
		return false, err
	}
	said := rec.jobs[0]
	_, err = os.Stdout.Write(said.output.Bytes())
	if rec.failure != "" {
		return false, errors.Join(err, fmt.Errorf("%s\n%s", rec.failure, rec.console))
	}
	fmt.Fprintf(os.Stderr, "hardware: %s, Linux %s; it took %.0f s\n", out.backend.title, rec.release, rec.took.Seconds())
	return said.end.String() == "", err
}

// addSelftests puts in the programs, and the one that runs them.
func addSelftests(ctx context.Context, a *initramfs.Archive, tmp string) error {
	built := exec.CommandContext(ctx, "sh", "guest/selftests/build.sh")
	built.Stderr = os.Stderr
	text, err := built.Output()
	if err != nil {
		return fmt.Errorf("build the selftests: %w", err)
	}
	binary := filepath.Join(tmp, "selftests")
	if err := static(ctx, "go", "build", "-ldflags=-s -w", "-o", binary, "./guest/selftests"); err != nil {
		return err
	}
	if err := addHost(a, selftestsFile, binary, 0o755); err != nil {
		return err
	}
	dir := strings.TrimSpace(string(text))
	return filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		return addHost(a, path.Join(selftestsDir, rel), name, 0o755)
	})
}
