package vet

import (
	"go/ast"
	"go/types"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/ast/inspector"
)

// function is a function that runs under a traced goroutine: a *ast.FuncDecl or
// *ast.FuncLit.
type function struct {
	file *ast.File
	typ  *ast.FuncType
	body *ast.BlockStmt
}

// tracedFunctions returns the functions of the package that run under a traced goroutine.
func tracedFunctions(pass *analysis.Pass, in *inspector.Inspector) []function {
	decls := map[*types.Func]function{}
	for _, file := range pass.Files {
		for _, d := range file.Decls {
			if fd, ok := d.(*ast.FuncDecl); ok && fd.Body != nil {
				if fn, ok := pass.TypesInfo.Defs[fd.Name].(*types.Func); ok {
					decls[fn] = function{file, fd.Type, fd.Body}
				}
			}
		}
	}
	var found []function
	seen := map[*ast.BlockStmt]bool{}
	add := func(fn function) {
		if !seen[fn.body] {
			seen[fn.body] = true
			found = append(found, fn)
		}
	}
	for cur := range in.Root().Preorder((*ast.CallExpr)(nil)) {
		call := cur.Node().(*ast.CallExpr)
		if !ofModule(callee(pass.TypesInfo, call)) {
			continue
		}
		for _, arg := range call.Args {
			switch a := ast.Unparen(arg).(type) {
			case *ast.FuncLit:
				if takesContext(pass.TypesInfo, a.Type) {
					add(function{fileOf(pass, a), a.Type, a.Body})
				}
			case *ast.Ident, *ast.SelectorExpr:
				if fn := used(pass.TypesInfo, a); fn != nil && decls[fn].body != nil {
					add(decls[fn])
				}
			}
		}
	}
	for i := 0; i < len(found); i++ { // the loop appends to found
		ast.Inspect(found[i].body, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok {
				if fn := callee(pass.TypesInfo, call); fn != nil && decls[fn].body != nil && takesContext(pass.TypesInfo, decls[fn].typ) {
					add(decls[fn])
				}
			}
			return true
		})
	}
	return found
}

// used returns the function that an expression names, or nil.
func used(info *types.Info, e ast.Expr) *types.Func {
	if sel, ok := e.(*ast.SelectorExpr); ok {
		e = sel.Sel
	}
	fn, _ := info.Uses[e.(*ast.Ident)].(*types.Func)
	return fn
}

func takesContext(info *types.Info, typ *ast.FuncType) bool { return contextOf(info, typ) != "" }

// contextOf returns the name of the function's context parameter, or "" if there is none.
func contextOf(info *types.Info, typ *ast.FuncType) string {
	for _, p := range typ.Params.List {
		if t := info.TypeOf(p.Type); t != nil && isContext(t) {
			if len(p.Names) == 0 {
				return "_"
			}
			return p.Names[0].Name
		}
	}
	return ""
}

func fileOf(pass *analysis.Pass, n ast.Node) *ast.File {
	for _, f := range pass.Files {
		if f.FileStart <= n.Pos() && n.Pos() < f.FileEnd {
			return f
		}
	}
	return nil
}
