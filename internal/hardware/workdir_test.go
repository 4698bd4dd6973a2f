package main

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestWorkDir: a killed run's directory goes with the next run; that of one which still runs stays.
func TestWorkDir(t *testing.T) {
	tmp := t.TempDir()
	running, done, err := workDir(tmp)
	if err != nil {
		t.Fatal(err)
	}
	killed, young, other := filepath.Join(tmp, workPrefix+"1"), filepath.Join(tmp, workPrefix+"2"), filepath.Join(tmp, "other")
	err = errors.Join(os.MkdirAll(killed+"/boot", 0o700), os.Mkdir(young, 0o700), os.Mkdir(other, 0o700), os.Symlink(other, filepath.Join(tmp, workPrefix+"3")))
	ago := time.Now().Add(-time.Hour)
	for _, dir := range []string{running, killed, other} {
		err = errors.Join(err, os.Chtimes(dir, ago, ago))
	}
	if err != nil {
		t.Fatal(err)
	}
	second, done2, err := workDir(tmp)
	if err != nil {
		t.Fatal(err)
	}
	for dir, there := range map[string]bool{running: true, killed: false, young: true, other: true, second: true} {
		if _, err := os.Stat(dir); (err == nil) != there {
			t.Errorf("%s: %v, want there %v", dir, err, there)
		}
	}
	done()
	done2()
	for _, dir := range []string{running, second} {
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is still there: %v", dir, err)
		}
	}
}
