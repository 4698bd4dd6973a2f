package grade

import (
	"fmt"
	gobuild "go/build"
	"go/parser"
	"go/token"
	"path/filepath"

	"terem/internal/lab/exercise"
)

// plain refuses files that the go command would leave out without a word: those that import C, and those that are for another system.
func plain(dir string, student []exercise.File) error {
	here := gobuild.Default
	here.GOOS, here.GOARCH, here.CgoEnabled = "linux", "amd64", false
	for _, f := range student {
		parsed, err := parser.ParseFile(token.NewFileSet(), f.Path, f.Text, parser.ImportsOnly)
		if err != nil {
			continue // the compiler says it better
		}
		for _, i := range parsed.Imports {
			if i.Path.Value == `"C"` {
				return &notBuilt{fmt.Sprintf("%s: imports C; exercises are plain Go", f.Path)}
			}
		}
		if match, err := here.MatchFile(dir, filepath.Base(f.Path)); err == nil && !match {
			return &notBuilt{fmt.Sprintf("%s: its name or its build constraint leaves it out; exercises are for Linux on x86-64, without tags", f.Path)}
		}
	}
	return nil
}
