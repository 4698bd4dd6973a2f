package build

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"terem/guest"
	"terem/guest/kernel"
	"terem/guest/recipe"
)

// Kernel builds the default guest's kernel unless the cache has it, and says where it is. A build takes
// some minutes; log receives a line about it now and then.
func Kernel(ctx context.Context, cacheDir string, log io.Writer) (guest.Artifacts, error) {
	own, err := recipe.KernelHash()
	if err != nil {
		return guest.Artifacts{}, err
	}
	inputs, err := kernelInputs(ctx)
	if err != nil {
		return guest.Artifacts{}, fmt.Errorf("build the guest kernel: %w", err)
	}
	s := slot{root: guest.KernelRoot(cacheDir), name: own + "-" + recipe.ToolsHash(inputs)}
	m := &guest.Manifest{Inputs: inputs}
	err = s.fill(log, m, func(dir, out string) error {
		return compileKernel(ctx, s.root, dir, out, m, log)
	})
	if err != nil {
		return guest.Artifacts{}, fmt.Errorf("build the guest kernel: %w", err)
	}
	return guest.KernelIn(s.dir())
}

// compileKernel works in dir and leaves the files of the cache in out.
func compileKernel(ctx context.Context, root, dir, out string, m *guest.Manifest, log io.Writer) error {
	p := newProgress(log)
	defer p.end()
	r, err := newRunner(ctx, filepath.Join(root, "build.log"), p.line)
	if err != nil {
		return err
	}
	defer r.close()
	k := kernelBuild{runner: r, src: filepath.Join(dir, sourcePackage), dir: dir}
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"unpack the source of the kernel", k.unpack},
		{"patch the kernel", k.patch},
		{"configure the kernel", k.configure},
		{"compile the kernel (some minutes, once)", k.compile},
		{"keep the kernel", func() error { return k.collect(out, m) }},
	} {
		p.begin(step.name)
		if err := step.do(); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
	}
	return nil
}

// kernelBuild is one build in src, below the work directory dir.
type kernelBuild struct {
	*runner
	src, dir string
}

// unneeded matches parts of the source that no configuration of ours reads: most of its bytes.
var unneeded = []string{
	"*/Documentation/*/*", "*/drivers/gpu/drm/*.[ch]", "*/tools/testing/*", "*/tools/perf/*", "*/sound/*.[ch]",
	"*/drivers/net/ethernet/*.[ch]", "*/drivers/net/wireless/*.[ch]", "*/drivers/media/*.[ch]", "*/drivers/staging/*.[ch]",
	"*/arch/a*/*.[chS]", "*/arch/a*/*.dts*", "*/arch/[b-t]*/*.[chS]", "*/arch/[b-t]*/*.dts*",
}

func (k kernelBuild) unpack() error {
	argv := []string{"tar", "--extract", "--xz", "--file", sourceArchive, "--directory", k.dir}
	for _, u := range unneeded {
		argv = append(argv, "--exclude="+u)
	}
	return k.run(k.dir, nil, environment(), argv...)
}

func (k kernelBuild) patch() error {
	patches, err := kernel.Patches()
	if err != nil {
		return err
	}
	for _, p := range patches {
		err := k.run(k.src, strings.NewReader(p.Diff()), environment(), "patch", "-p1", "--batch", "--forward", "--fuzz=0")
		if err != nil {
			return fmt.Errorf("%s: %w", p.Name, err)
		}
	}
	return nil
}

func (k kernelBuild) configure() error {
	want := filepath.Join(k.dir, "config")
	if err := os.WriteFile(want, []byte(kernel.Config), 0o644); err != nil {
		return err
	}
	if err := k.run(k.src, nil, environment("KCONFIG_ALLCONFIG="+want), "make", "ARCH=x86_64", "allnoconfig"); err != nil {
		return err
	}
	result, err := os.ReadFile(filepath.Join(k.src, ".config"))
	if err != nil {
		return err
	}
	if lost := kernel.Lost(kernel.Config, string(result)); len(lost) > 0 {
		return fmt.Errorf("the kernel's dependencies overrule %s in guest/kernel/config", strings.Join(lost, ", "))
	}
	return nil
}

// compile fixes what would differ between two builds of the same source.
func (k kernelBuild) compile() error {
	env := environment(
		"KBUILD_BUILD_TIMESTAMP=Thu Jan  1 00:00:00 UTC 1970",
		"KBUILD_BUILD_USER=terem", "KBUILD_BUILD_HOST=terem", "KBUILD_BUILD_VERSION=1",
	)
	jobs := fmt.Sprintf("-j%d", runtime.NumCPU())
	return k.run(k.src, nil, env, "nice", "make", "ARCH=x86_64", jobs, "vmlinux", "bzImage")
}

// collect copies the results; vmlinux without its symbols, which System.map has.
func (k kernelBuild) collect(out string, m *guest.Manifest) error {
	err := k.run(k.src, nil, environment(), "objcopy", "--strip-all", "vmlinux", filepath.Join(out, guest.FileVMLinux))
	if err != nil {
		return err
	}
	for from, to := range map[string]string{
		"arch/x86/boot/bzImage": guest.FileBzImage,
		"System.map":            guest.FileSystemMap,
		".config":               guest.FileConfig,
	} {
		b, err := os.ReadFile(filepath.Join(k.src, from))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(out, to), b, 0o644); err != nil {
			return err
		}
	}
	release, err := os.ReadFile(filepath.Join(k.src, "include/config/kernel.release"))
	m.KernelVersion = strings.TrimSpace(string(release))
	return err
}
