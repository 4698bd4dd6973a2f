package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// file is one parsed Go file; path is relative to the module, with slashes.
type file struct {
	path  string
	test  bool
	lines int
	fset  *token.FileSet
	ast   *ast.File
}

// parse reads every Go file of a tree, but for testdata and nested modules.
func parse(tree fs.FS) ([]*file, error) {
	var files []*file
	fset := token.NewFileSet() // one for all: positions are compared across files
	err := fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			return skip(tree, name)
		case !strings.HasSuffix(name, ".go"):
			return nil
		}
		src, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		f := &file{path: name, test: strings.HasSuffix(name, "_test.go"), fset: fset}
		if f.ast, err = parser.ParseFile(f.fset, name, src, parser.ParseComments|parser.SkipObjectResolution); err != nil {
			return err
		}
		f.lines = strings.Count(string(src), "\n")
		files = append(files, f)
		return nil
	})
	return files, err
}

func skip(tree fs.FS, dir string) error {
	if dir == "." {
		return nil
	}
	base := path.Base(dir)
	if _, err := fs.Stat(tree, dir+"/go.mod"); err == nil || base == "testdata" || base[0] == '.' || base[0] == '_' {
		return fs.SkipDir
	}
	return nil
}

func (f *file) imports() (paths []string) {
	for _, i := range f.ast.Imports {
		p, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			p = i.Path.Value // the parser lets only literals through
		}
		paths = append(paths, p)
	}
	return paths
}

func (f *file) importsPath(want string) bool {
	for _, p := range f.imports() {
		if p == want {
			return true
		}
	}
	return false
}

// byFolder groups files by the folder they lie in.
func byFolder(files []*file) map[string][]*file {
	m := map[string][]*file{}
	for _, f := range files {
		dir := path.Dir(f.path)
		m[dir] = append(m[dir], f)
	}
	return m
}
