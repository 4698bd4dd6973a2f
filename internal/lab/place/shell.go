package place

import (
	"os"
	"path/filepath"
)

// Programs is the directory of busybox's programs on this host.
func (w *Workspace) Programs() string { return filepath.Join(w.rootDir(), "bin") }

// Shell is the command line that runs a script on this host.
func (w *Workspace) Shell(script string) []string {
	return []string{filepath.Join(w.Programs(), "busybox"), "sh", "-c", script}
}

// Container is the command line that runs a script in a container.
func (w *Workspace) Container(script string) []string {
	return []string{w.terem, "container", "run", "--quiet", "--", "sh", "-c", script}
}

// Spare is an empty directory on this host.
func (w *Workspace) Spare() string {
	dir := filepath.Join(w.dir, "spare")
	_ = os.Mkdir(dir, 0o755) // whoever needs it will see that it is not there
	return dir
}
