package build

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

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
	args, err := pid1.Unpack(dir, "init")
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
	if _, err := initramfs.Default(init, busybox, applets).WriteTo(f); err != nil {
		return err
	}
	return f.Close()
}
