package arch

import (
	"go/ast"
	"go/importer"
	"go/token"
	"go/types"
	"strings"
)

// A package-level variable is one of these, and nothing in its package changes it:
//
//	_                           an assertion at compile time
//	errors.New, fmt.Errorf      a sentinel
//	regexp.MustCompile          a pattern
//	//go:embed                  a file
//	[]T{...}, map[K]V{...}      a table
//	string                      what the linker sets (-X), and its comment says so
//
// Everything else is state, and belongs into a struct that somebody wires.

// variables finds package-level variables that are state. Tests may have flags.
func variables(files []*file) (broken []string) {
	var code []*ast.File
	for _, f := range files {
		if f.test {
			continue
		}
		code = append(code, f.ast)
		for _, d := range f.ast.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.VAR {
				continue
			}
			for _, s := range g.Specs {
				if name := state(g, s.(*ast.ValueSpec)); name != "" {
					broken = append(broken, f.path+": package-level variable "+name+" is neither a sentinel error nor a table")
				}
			}
		}
	}
	fset := files[0].fset
	for _, v := range written(fset, code) {
		broken = append(broken, fset.Position(v.Pos()).Filename+": package-level variable "+v.Name()+" is changed by its package")
	}
	return broken
}

// state gives the name of a variable that may not be; empty if all is well.
func state(g *ast.GenDecl, s *ast.ValueSpec) string {
	for _, doc := range []*ast.CommentGroup{g.Doc, s.Doc} {
		if doc != nil && (strings.Contains(rawText(doc), "//go:embed ") || strings.Contains(rawText(doc), "set by the linker (-X)")) {
			return ""
		}
	}
	for i, name := range s.Names {
		if name.Name != "_" && (i >= len(s.Values) || !constant(s.Values[i])) {
			return name.Name
		}
	}
	return ""
}

// rawText has the directives too, which CommentGroup.Text leaves out.
func rawText(g *ast.CommentGroup) string {
	var b strings.Builder
	for _, c := range g.List {
		b.WriteString(c.Text + "\n")
	}
	return b.String()
}

// constant says whether a value is a sentinel, a pattern or a table.
func constant(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.CompositeLit:
		switch e.Type.(type) {
		case *ast.ArrayType, *ast.MapType:
			return true
		}
	case *ast.CallExpr:
		f, ok := e.Fun.(*ast.SelectorExpr)
		if !ok {
			return false
		}
		x, ok := f.X.(*ast.Ident)
		return ok && map[string]bool{"errors.New": true, "fmt.Errorf": true, "regexp.MustCompile": true}[x.Name+"."+f.Sel.Name]
	}
	return false
}

// written finds the package-level variables that code assigns to, takes the address
// of, or deletes from.
func written(fset *token.FileSet, code []*ast.File) (vars []*types.Var) {
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
	// Imports need not resolve, nor types be right: only who is who within the package.
	conf := types.Config{Error: func(error) {}, Importer: importer.ForCompiler(fset, "gc", nothing)}
	pkg, _ := conf.Check("p", fset, code, info)
	note := func(e ast.Expr) {
		id := root(e)
		if id == nil || pkg == nil {
			return
		}
		if v, ok := info.Uses[id].(*types.Var); ok && v.Parent() == pkg.Scope() {
			vars = append(vars, v)
		}
	}
	for _, f := range code {
		ast.Inspect(f, func(n ast.Node) bool { changes(n, note); return true })
	}
	return vars
}

// changes calls note for each operand that n changes.
func changes(n ast.Node, note func(ast.Expr)) {
	switch n := n.(type) {
	case *ast.AssignStmt:
		for _, e := range n.Lhs {
			note(e)
		}
	case *ast.IncDecStmt:
		note(n.X)
	case *ast.RangeStmt:
		note(n.Key)
		note(n.Value)
	case *ast.UnaryExpr:
		if _, whole := n.X.(*ast.Ident); whole && n.Op == token.AND { // &table[i] spares a copy
			note(n.X)
		}
	case *ast.CallExpr:
		if f, ok := n.Fun.(*ast.Ident); ok && len(n.Args) > 0 && (f.Name == "delete" || f.Name == "clear" || f.Name == "copy") {
			note(n.Args[0])
		}
	}
}

// root is the variable of x[i].f = ...: x.
func root(e ast.Expr) *ast.Ident {
	for {
		switch x := e.(type) {
		case *ast.Ident:
			return x
		case *ast.IndexExpr:
			e = x.X
		case *ast.SliceExpr:
			e = x.X
		case *ast.SelectorExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		case *ast.ParenExpr:
			e = x.X
		default:
			return nil
		}
	}
}
