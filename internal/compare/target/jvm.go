package target

import (
	"context"
	_ "embed"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"terem/internal/compare/result"
	"terem/internal/compare/spawn"
)

//go:embed Probe.java
var probeJava []byte

// jvm is the Java virtual machine: a process VM, which isolates a program by its language.
type jvm struct {
	none
	w *Workspace
}

func (*jvm) About() About {
	return About{Name: "jvm", Title: "Java VM", Kind: result.ProcessVM, Package: "default-jdk-headless",
		Note: "the probe written in Java, class data sharing as installed", Modes: []string{"start", "idle", "compute"}}
}

// Find wants a compiler too.
func (t *jvm) Find(ctx context.Context) (string, error) {
	if _, err := exec.LookPath("javac"); err != nil {
		return "", ErrAbsent
	}
	return t.w.version(ctx, "java", "-version")
}

// Prepare compiles the program.
func (t *jvm) Prepare(ctx context.Context) error {
	const limit = time.Minute
	dir, err := t.w.mkdir("jvm")
	if err != nil {
		return err
	}
	source := filepath.Join(dir, "Probe.java")
	if err := os.WriteFile(source, probeJava, 0o600); err != nil {
		return err
	}
	_, err = t.w.run(ctx, limit, spawn.Command{Argv: []string{"javac", "-d", dir, source}})
	return err
}

// Command takes the probe's arguments, and leaves out its path.
func (t *jvm) Command(r Run) (spawn.Command, error) {
	if len(r.Argv) < 2 || !t.About().Can(r.Argv[1]) {
		return spawn.Command{}, errors.New("not a mode that exists in Java")
	}
	argv := []string{"java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", filepath.Join(t.w.Dir, "jvm"), "Probe"}
	return spawn.Command{Argv: append(argv, r.Argv[1:]...)}, nil
}
