package target

import (
	"context"
	"path/filepath"

	"terem/internal/compare/result"
	"terem/internal/compare/spawn"
)

// process is fork and exec, and nothing else.
type process struct {
	none
	w *Workspace
}

func (*process) About() About {
	return About{Name: result.Base, Title: "process", Kind: result.Process,
		Note: "fork and exec: shares everything with the host"}
}

// Find finds it always.
func (*process) Find(context.Context) (string, error) { return "", nil }

// Command runs the program where it lies: it is linked statically.
func (t *process) Command(r Run) (spawn.Command, error) {
	argv := r.in(t.w.Root, r.Data)
	argv[0] = filepath.Join(t.w.Root, argv[0])
	return spawn.Command{Argv: argv}, nil
}
