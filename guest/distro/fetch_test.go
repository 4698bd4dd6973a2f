package distro

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// fakeApt are programs in place of apt's and dpkg: downloads take a moment, and are counted.
func fakeApt() map[string]string {
	return map[string]string{
		"apt-cache": `printf '%s\n' linux-image-6.1.0-9-cloud-amd64 linux-image-6.1.0-57-cloud-amd64 linux-image-6.1.0-58-cloud-amd64-unsigned`,
		"apt-get":   `echo "$*" >>"$COUNT"; sleep 0.3; touch package.deb`,
		"dpkg":      `mkdir -p "$3/boot"`,
	}
}

// TestFetch: two calls at once download a package once, and what a killed one has left goes.
func TestFetch(t *testing.T) {
	dir := t.TempDir()
	for name, text := range fakeApt() {
		put(t, filepath.Join(dir, "bin", name), []byte("#!/bin/sh\n"+text+"\n"))
		if err := os.Chmod(filepath.Join(dir, "bin", name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cache := filepath.Join(dir, "terem", "stock")
	put(t, filepath.Join(cache, "new.123456", "half.deb"), nil)
	t.Setenv("PATH", filepath.Join(dir, "bin")+":"+os.Getenv("PATH"))
	t.Setenv("XDG_CACHE_HOME", dir)
	t.Setenv("COUNT", filepath.Join(dir, "count"))
	const newest = "linux-image-6.1.0-57-cloud-amd64"
	ends := make(chan string, 2)
	for range cap(ends) {
		go func() {
			out, err := exec.Command("sh", "fetch.sh", "6.1").Output()
			if err != nil {
				out = append(out, err.Error()...)
			}
			ends <- string(out)
		}()
	}
	for range cap(ends) {
		if got, want := <-ends, filepath.Join(cache, newest)+"\n"; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	var names []string
	err := filepath.WalkDir(cache, func(path string, _ os.DirEntry, err error) error {
		names = append(names, strings.TrimPrefix(path, cache))
		return err
	})
	if got := strings.Join(names, " "); err != nil || got != " /"+newest+" /"+newest+"/boot /lock" {
		t.Errorf("the cache has %q, %v", got, err)
	}
	if count, err := os.ReadFile(filepath.Join(dir, "count")); err != nil || string(count) != "--quiet=2 download "+newest+"\n" {
		t.Errorf("apt-get was called with %q, %v", count, err)
	}
}
