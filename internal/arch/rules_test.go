package arch

import (
	"fmt"
	"go/ast"
	"path"
	"strings"
)

const (
	gokvm    = "github.com/bobuhiro11/gokvm/kvm"
	maxLines = 500
)

// check gives every broken rule of a tree, as "path: what".
func check(files []*file) (broken []string) {
	for _, f := range files {
		for _, rule := range []func(*file) []string{arrows, confined, inits, length, registersOnly} {
			for _, what := range rule(f) {
				broken = append(broken, f.path+": "+what)
			}
		}
	}
	for dir, files := range byFolder(files) {
		if !documented(files) {
			broken = append(broken, dir+": no doc.go with the package's comment")
		}
		broken = append(broken, variables(files)...)
	}
	return broken
}

// confined keeps unsafe and gokvm in the files that are named for them.
func confined(f *file) (broken []string) {
	base := strings.TrimSuffix(strings.TrimSuffix(f.path, ".go"), "_test")
	if f.importsPath("unsafe") {
		if !strings.HasSuffix(base, "_unsafe") {
			broken = append(broken, "imports unsafe, and is not called *_unsafe.go")
		}
		if !strings.Contains(comments(f.ast), "SAFETY:") {
			broken = append(broken, "imports unsafe without a SAFETY: comment")
		}
	}
	if f.importsPath(gokvm) && f.path != "kvm/gokvm.go" && !(f.test && path.Dir(f.path) == "kvm") {
		broken = append(broken, "imports gokvm; only kvm/gokvm.go and the tests beside it do")
	}
	return broken
}

func comments(f *ast.File) string {
	var b strings.Builder
	for _, c := range f.Comments {
		for _, line := range c.List {
			b.WriteString(line.Text)
		}
	}
	return b.String()
}

// inits finds init functions: what a program does begins in main.
func inits(f *file) (broken []string) {
	for _, d := range f.ast.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
			broken = append(broken, "has an init function")
		}
	}
	return broken
}

func length(f *file) []string {
	if f.lines <= maxLines {
		return nil
	}
	return []string{fmt.Sprintf("has %d lines; split it at its ideas, %d are the most", f.lines, maxLines)}
}

// registersOnly keeps boot apart from KVM's handles: a loader fills in registers, and
// is tested where there is no KVM.
func registersOnly(f *file) (broken []string) {
	if path.Dir(f.path) != "boot" || !f.importsPath(module+"kvm") {
		return nil
	}
	types := map[string]bool{"Regs": true, "Sregs": true, "Segment": true, "Descriptor": true}
	ast.Inspect(f.ast, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok && x.Name == "kvm" && !types[s.Sel.Name] {
				broken = append(broken, "uses kvm."+s.Sel.Name+": boot takes register types only")
			}
		}
		return true
	})
	return broken
}

// documented says whether the package has its comment in doc.go. A program may have
// it in main.go, and a package of one file in that.
func documented(files []*file) bool {
	code := 0
	for _, f := range files {
		if !f.test {
			code++
		}
	}
	for _, f := range files {
		base := path.Base(f.path)
		place := base == "doc.go" || base == "main.go" && f.ast.Name.Name == "main" || code == 1 && !f.test
		if place && f.ast.Doc != nil {
			return true
		}
	}
	return code == 0
}
