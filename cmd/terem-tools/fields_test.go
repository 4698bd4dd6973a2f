package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"terem/internal/cli/command"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// flags are all flags of all commands: "--memory".
func flags(c *cobra.Command, into map[string]bool) map[string]bool {
	c.Flags().VisitAll(func(f *pflag.Flag) { into["--"+f.Name] = true })
	for _, sub := range c.Commands() {
		flags(sub, into)
	}
	return into
}

// TestFields reads the sources below the command line: what they call a field has a flag here, and no text of theirs names a
// flag itself, which an API or a lab would not understand.
func TestFields(t *testing.T) {
	status := 0
	known := flags(newRoot(&status), map[string]bool{})
	delete(known, "--help")
	delete(known, "--version") // programs that are called have them, too
	flag := regexp.MustCompile(`--[a-z][a-z-]*`)
	fields := 0
	for _, dir := range []string{"boot", "devices", "kvm", "memory", "vcpu", "internal"} {
		err := filepath.WalkDir(filepath.Join("../..", dir), func(path string, _ fs.DirEntry, err error) error {
			if err != nil || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") || speaksToPrograms(path) {
				return err
			}
			f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			if err != nil {
				return err
			}
			ast.Inspect(f, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.CallExpr:
					if field, ok := fieldOf(n); ok {
						if fields++; !known[command.FlagOf(field)] {
							t.Errorf("%s: field %s has no flag", path, field)
						}
					}
				case *ast.BasicLit:
					for _, w := range flag.FindAllString(n.Value, -1) {
						if n.Kind == token.STRING && known[w] {
							t.Errorf("%s: %s names the flag %s; use fault.Field", path, n.Value, w)
						}
					}
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if fields < 20 {
		t.Errorf("only %d fields found", fields)
	}
}

// fieldOf is the name in a call of fault.Field. One that is no constant is one that other calls have.
func fieldOf(call *ast.CallExpr) (field string, ok bool) {
	f, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || f.Sel.Name != "Field" || len(call.Args) != 1 {
		return "", false
	}
	name, ok := call.Args[0].(*ast.BasicLit)
	if !ok {
		return "", false
	}
	field, err := strconv.Unquote(name.Value)
	return field, err == nil
}

// speaksToPrograms says whether a file composes command lines of programs, or belongs to a command line itself.
func speaksToPrograms(path string) bool {
	for _, room := range []string{"internal/compare/target", "internal/hardware", "internal/lab/place", "internal/lab/demo", "internal/lab/boot", "internal/cli/doctor", "internal/cli/command"} {
		if strings.Contains(filepath.ToSlash(path), room+"/") {
			return true
		}
	}
	return false
}
