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
	"terem/guest/agent"
	"terem/guest/bare"
	pid1 "terem/guest/init"
	"terem/guest/initramfs"
	"terem/guest/probe"
	"terem/guest/reach"
	"terem/guest/recipe"
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
	own, err := recipe.InitrdHash()
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
	s := slot{root: guest.InitrdRoot(cacheDir), name: own + "-" + recipe.ToolsHash(inputs)}
	applets, err := listApplets(ctx)
	if err != nil {
		return guest.Artifacts{}, err
	}
	err = s.fill(log, &guest.Manifest{Inputs: inputs, Applets: applets}, func(dir, out string) error {
		return packInitrd(ctx, s.root, dir, out, busybox, applets)
	})
	return guest.Artifacts{Initrd: filepath.Join(s.dir(), guest.FileInitrd)}, err
}

func packInitrd(ctx context.Context, root, dir, out string, busybox []byte, applets []string) error {
	r, err := newRunner(ctx, filepath.Join(root, "build.log"), nil)
	if err != nil {
		return err
	}
	defer r.close()
	init, err := compile(r, dir, pid1.Program(applets))
	if err != nil {
		return err
	}
	measured, err := compile(r, dir, probe.Program())
	if err != nil {
		return err
	}
	for name, p := range map[string]bare.Program{guest.FileAgent: agent.Program(), guest.FileReach: reach.Program()} {
		beside, err := compile(r, dir, p)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(out, name), beside, 0o755); err != nil {
			return err
		}
	}
	f, err := os.Create(filepath.Join(out, guest.FileInitrd))
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := initramfs.Default(init, busybox, measured).WriteTo(f); err != nil {
		return err
	}
	return f.Close()
}

// compile compiles a program below dir and returns it.
func compile(r *runner, dir string, p bare.Program) ([]byte, error) {
	work, args, err := p.Unpack(dir)
	if err != nil {
		return nil, err
	}
	if err := r.run(work, nil, environment(), append([]string{"gcc"}, args...)...); err != nil {
		return nil, fmt.Errorf("compile %s: %w", p.Name, err)
	}
	return os.ReadFile(filepath.Join(work, p.Name))
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
