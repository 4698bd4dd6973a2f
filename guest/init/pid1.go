package pid1

import (
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

//go:embed src/*.c src/*.h
var source embed.FS

// Flags are gcc's: small, static, without library and without anything that differs between two builds.
// One segment of two pages holds code and constants; there is no writable data.
var flags = []string{
	"-Os", "-std=gnu11", "-Wall", "-Wextra", "-Werror",
	"-static", "-nostdlib", "-ffreestanding", "-fno-pie", "-no-pie",
	"-fno-stack-protector", "-fno-asynchronous-unwind-tables", "-mno-red-zone", "-mno-sse",
	"-Wl,-z,noseparate-code,-z,max-page-size=4096,--build-id=none", "-s",
}

// Files lists the source files in a fixed order.
func Files() ([]string, error) {
	return fs.Glob(source, "src/*.[ch]")
}

// Read returns a file that Files named.
func Read(name string) ([]byte, error) {
	return source.ReadFile(name)
}

// Flags returns gcc's flags, for the hash over the inputs.
func Flags() []string {
	return append([]string(nil), flags...)
}

// Unpack writes the source into dir, with the names under which busybox may be called, and returns the
// arguments for gcc that compile it, run in dir, to out.
func Unpack(dir, out string, applets []string) ([]string, error) {
	names, err := Files()
	if err != nil {
		return nil, err
	}
	args := append(Flags(), "-o", out)
	for _, n := range names {
		b, err := Read(n)
		if err != nil {
			return nil, err
		}
		base := filepath.Base(n)
		if err := os.WriteFile(filepath.Join(dir, base), b, 0o644); err != nil {
			return nil, err
		}
		if filepath.Ext(base) == ".c" {
			args = append(args, base)
		}
	}
	return args, os.WriteFile(filepath.Join(dir, "applets.h"), cString(applets), 0o644)
}

// cString writes names as C string literals, each name ended by a NUL.
func cString(names []string) []byte {
	b := []byte("\"\"\n")
	for _, n := range names {
		for _, c := range []byte(n) {
			b = fmt.Appendf(b, "\"\\x%02x\"", c)
		}
		b = append(b, "\"\\0\"\n"...)
	}
	return b
}
