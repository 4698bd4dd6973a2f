package guest

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestFindNothing(t *testing.T) {
	if _, err := Find(t.TempDir()); !errors.Is(err, ErrNotBuilt) {
		t.Errorf("error %v, want ErrNotBuilt", err)
	}
}

func TestFindTakesTheNewestOfItsOwn(t *testing.T) {
	const hash = kernelHash
	cache := t.TempDir()
	put := func(name string, age time.Duration) {
		dir := filepath.Join(KernelRoot(cache), name)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, FileManifest)
		if err := os.WriteFile(file, []byte(`{"kernel_version":"`+name+`"}`), 0o644); err != nil {
			t.Fatal(err)
		}
		at := time.Now().Add(-age)
		if err := os.Chtimes(file, at, at); err != nil {
			t.Fatal(err)
		}
	}
	put(hash+"-old", time.Hour)
	put(hash+"-new", time.Minute)
	put("000000000000-other", 0)
	if err := os.MkdirAll(filepath.Join(KernelRoot(cache), hash+"-nomanifest"), 0o755); err != nil {
		t.Fatal(err)
	}
	got, err := FindKernel(cache)
	if err != nil {
		t.Fatal(err)
	}
	if got.KernelVersion != hash+"-new" {
		t.Errorf("found %s, want %s-new", got.KernelVersion, hash)
	}
	if _, err := Find(cache); !errors.Is(err, ErrNotBuilt) {
		t.Errorf("Find without an initrd: error %v, want ErrNotBuilt", err)
	}
}
