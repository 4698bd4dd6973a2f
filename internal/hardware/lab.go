package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"

	"terem/guest/initramfs"
	"terem/internal/lab/attempt"
	"terem/internal/lab/exercise"
	"terem/internal/lab/grade"
)

const (
	labTest     = "TestExercises"        // of internal/hardware/atwork, which wants what is here
	labDir      = "/lab"                 // where that finds it
	labAttempts = "internal/lab/attempt" // the attempts
)

// buildLab builds what a grading of each attempt at the lab's exercises runs, if its mistake shows only with KVM or it has none: an outer
// system has no Go.
func buildLab(ctx context.Context, dir string) (list []attempt.Attempt, err error) {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	for _, e := range exercise.All() {
		all, err := attempt.Load(labAttempts, e)
		if err != nil {
			return nil, err
		}
		for _, a := range all {
			if a.Cause != "" && !a.KVM {
				continue
			}
			if err := buildAttempt(ctx, e, a, filepath.Join(dir, a.File())); err != nil {
				return nil, fmt.Errorf("build %s: %w", a.File(), err)
			}
			list = append(list, a)
		}
	}
	return list, nil
}

func buildAttempt(ctx context.Context, e *exercise.Exercise, a attempt.Attempt, to string) error {
	tmp, err := os.MkdirTemp("", "terem-attempt-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	if err := grade.Start(e, tmp); err != nil {
		return err
	}
	if err := a.Lay(tmp); err != nil {
		return err
	}
	return grade.Build(ctx, e, tmp, to)
}

// addLab puts that in, with a list of it.
func addLab(root *initramfs.Archive, dir string, list []attempt.Attempt) error {
	for _, a := range list {
		if err := addHost(root, path.Join(labDir, a.File()), filepath.Join(dir, a.File()), 0o755); err != nil {
			return err
		}
	}
	b, err := json.Marshal(list)
	if err != nil {
		return err
	}
	root.File(path.Join(labDir, "attempts.json"), 0o644, b)
	return nil
}
