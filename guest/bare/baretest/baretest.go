// Package baretest is for the tests of programs that package bare compiles.
package baretest

import (
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"terem/guest/bare"
)

// Compile compiles a program and returns its path, or skips the test where there is no gcc.
func Compile(t *testing.T, p bare.Program) string {
	t.Helper()
	gcc, err := exec.LookPath("gcc")
	if err != nil {
		t.Skip("gcc is not installed")
	}
	work, args, err := p.Unpack(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(gcc, args...)
	cmd.Dir = work
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("gcc: %v\n%s", err, out)
	}
	return filepath.Join(work, p.Name)
}

// Check demands of a program that it weighs at most that many bytes, is static, and has no writable data,
// each page of which costs a fault.
func Check(t *testing.T, path string, size int64) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > size {
		t.Errorf("%s has %d bytes, at most %d are wanted", path, info.Size(), size)
	}
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Errorf("segment %v: the program must be static", p.Type)
		}
		if p.Type == elf.PT_LOAD && p.Flags&elf.PF_W != 0 {
			t.Error("the program has writable data")
		}
	}
}

// hosted compiles a program for a machine that finds errors in it: with a C library, and the sanitizers of gcc. Its
// sources see HOSTED, and offer NAME_main.
var hosted = []string{"-g", "-O1", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-fno-builtin", "-DHOSTED",
	"-fsanitize=address,undefined", "-fno-sanitize-recover=all",
	// A process that shares its parent's memory until it executes a program leaves marks on the stack.
	"--param", "asan-stack=0"}

// CompileChecked compiles a program so that it ends where it reads or writes what is not its own, or does what C leaves
// undefined. It returns its path, or skips the test where there is no gcc.
func CompileChecked(t testing.TB, p bare.Program) string {
	t.Helper()
	gcc, err := exec.LookPath("gcc")
	if err != nil {
		t.Skip("gcc is not installed")
	}
	work, args, err := p.Unpack(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	main := fmt.Sprintf("int %s_main(int argc, char **argv);\nint main(int argc, char **argv) { return %[1]s_main(argc, argv); }\n", p.Name)
	if err := os.WriteFile(filepath.Join(work, "hosted.c"), []byte(main), 0o600); err != nil {
		t.Fatal(err)
	}
	args = append(slices.Clone(hosted), args[slices.Index(args, "-o"):]...)
	cmd := exec.Command(gcc, append(args, "hosted.c")...)
	cmd.Dir = work
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("gcc: %v\n%s", err, out)
	}
	return filepath.Join(work, p.Name)
}
