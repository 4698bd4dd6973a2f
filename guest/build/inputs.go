package build

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"terem/guest/recipe"
)

// Where Debian's packages put what a guest is made of.
const (
	sourcePackage = "linux-source-6.12"
	sourceArchive = "/usr/src/linux-source-6.12.tar.xz"
	busyboxPath   = "/bin/busybox"
)

// mend is what to do about anything missing.
const mend = "run `make guest`, which calls guest/setup.sh to install what is missing"

// kernelInputs returns the versions that decide what a kernel build yields.
func kernelInputs(ctx context.Context) (map[string]string, error) {
	if _, err := os.Stat(sourceArchive); err != nil {
		return nil, fmt.Errorf("kernel source: %w: %s", err, mend)
	}
	return versions(ctx, map[string][]string{
		sourcePackage: {"dpkg-query", "--show", "--showformat=${Version}", sourcePackage},
		"gcc":         {"gcc", "--version"},
		"ld":          {"ld", "--version"},
	})
}

// initrdInputs returns the versions that decide what an initrd holds.
func initrdInputs(ctx context.Context, busybox []byte) (map[string]string, error) {
	in, err := versions(ctx, map[string][]string{
		"gcc": {"gcc", "--version"},
		"ld":  {"ld", "--version"},
	})
	if err == nil {
		in["busybox"] = recipe.ToolsHash(map[string]string{"busybox": string(busybox)})
	}
	return in, err
}

// versions runs each command and keeps the first line of its output.
func versions(ctx context.Context, commands map[string][]string) (map[string]string, error) {
	v := map[string]string{}
	for name, argv := range commands {
		cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
		cmd.Env = environment()
		out, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("ask for the version of %s: %w: %s", name, err, mend)
		}
		v[name], _, _ = strings.Cut(string(out), "\n")
	}
	return v, nil
}

// environment is the caller's without what would change the result of a build.
func environment(more ...string) []string {
	drop := []string{"KBUILD_", "KCONFIG_", "KCFLAGS", "MAKE", "MFLAGS", "ARCH=", "CROSS_COMPILE=", "CC=", "LD=",
		"CFLAGS=", "LDFLAGS=", "LANG=", "LC_", "TZ=", "SOURCE_DATE_EPOCH="}
	var env []string
next:
	for _, kv := range os.Environ() {
		for _, d := range drop {
			if strings.HasPrefix(kv, d) {
				continue next
			}
		}
		env = append(env, kv)
	}
	return append(append(env, "LC_ALL=C", "TZ=UTC"), more...)
}
