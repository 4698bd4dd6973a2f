package build

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"terem/guest"
	pid1 "terem/guest/init"
	"terem/guest/initramfs"
)

// Initrd builds the default guest's first root file system unless the cache has it, and says where it is.
func Initrd(ctx context.Context, cacheDir string, log io.Writer) (guest.Artifacts, error) {
	a, err := initrd(ctx, cacheDir, log)
	if err != nil {
		return a, fmt.Errorf("build the guest's initrd: %w", err)
	}
	return a, nil
}

func initrd(ctx context.Context, cacheDir string, log io.Writer) (guest.Artifacts, error) {
	own, err := guest.InitrdHash()
	if err != nil {
		return guest.Artifacts{}, err
	}
	busybox, err := os.ReadFile(busyboxPath)
	if err != nil {
		return guest.Artifacts{}, fmt.Errorf("%w: %s", err, mend)
	}
	inputs, err := initrdInputs(ctx, busybox)
	if err != nil {
		return guest.Artifacts{}, err
	}
	s := slot{root: guest.InitrdRoot(cacheDir), name: own + "-" + guest.ToolsHash(inputs)}
	err = s.fill(log, &guest.Manifest{Inputs: inputs}, func(dir, out string) error {
		return packInitrd(ctx, s.root, dir, filepath.Join(out, guest.FileInitrd), busybox)
	})
	return guest.Artifacts{Initrd: filepath.Join(s.dir(), guest.FileInitrd)}, err
}

func packInitrd(ctx context.Context, root, dir, out string, busybox []byte) error {
	r, err := newRunner(ctx, filepath.Join(root, "build.log"), nil)
	if err != nil {
		return err
	}
	defer r.close()
	applets, err := listApplets(ctx)
	if err != nil {
		return err
	}
	args, err := pid1.Unpack(dir, "init", applets)
	if err != nil {
		return err
	}
	if err := r.run(dir, nil, environment(), append([]string{"gcc"}, args...)...); err != nil {
		return fmt.Errorf("compile init: %w", err)
	}
	init, err := os.ReadFile(filepath.Join(dir, "init"))
	if err != nil {
		return err
	}
	f, err := os.Create(out)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := initramfs.Default(init, busybox).WriteTo(f); err != nil {
		return err
	}
	return f.Close()
}

// listApplets asks busybox for its names, without those that are no commands for a user.
func listApplets(ctx context.Context) ([]string, error) {
	cmd := exec.CommandContext(ctx, busyboxPath, "--list")
	cmd.Env = environment()
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("list the applets of busybox: %w", err)
	}
	return slices.DeleteFunc(strings.Fields(string(out)), func(name string) bool {
		return name == "busybox" || name == "init" || name == "linuxrc"
	}), nil
}
