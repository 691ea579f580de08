package vet

import (
	"go/ast"
	"go/types"
	"strings"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/passes/inspect"
	"golang.org/x/tools/go/ast/inspector"
)

// Analyzer is the analyzer that the package comment describes.
var Analyzer = &analysis.Analyzer{
	Name:     "wakechain",
	Doc:      "report ignored errors of package trace, and waits that a trace does not show",
	URL:      "https://pkg.go.dev/github.com/wakechain/wakechain/cmd/wakechain-vet/vet",
	Requires: []*analysis.Analyzer{inspect.Analyzer},
	Run:      run,
}

const (
	module    = "github.com/wakechain/wakechain"
	tracePath = module + "/trace"
)

func run(pass *analysis.Pass) (any, error) {
	in := pass.ResultOf[inspect.Analyzer].(*inspector.Inspector)
	ignoredErrors(pass, in)
	for _, fn := range tracedFunctions(pass, in) {
		unseen(pass, fn)
	}
	return nil, nil
}

// callee returns the function or method that a call names, or nil for other calls.
func callee(info *types.Info, call *ast.CallExpr) *types.Func {
	fun := ast.Unparen(call.Fun)
	switch f := fun.(type) { // a generic function with type arguments
	case *ast.IndexExpr:
		fun = f.X
	case *ast.IndexListExpr:
		fun = f.X
	}
	var id *ast.Ident
	switch f := fun.(type) {
	case *ast.Ident:
		id = f
	case *ast.SelectorExpr:
		id = f.Sel
	default:
		return nil
	}
	fn, _ := info.Uses[id].(*types.Func)
	if fn != nil {
		fn = fn.Origin()
	}
	return fn
}

// of reports whether a function belongs to the package with that path.
func of(fn *types.Func, path string) bool {
	return fn != nil && fn.Pkg() != nil && fn.Pkg().Path() == path
}

// ofModule reports whether a function belongs to one of wakechain's packages that run
// functions: trace and the wsconn packages.
func ofModule(fn *types.Func) bool {
	if fn == nil || fn.Pkg() == nil {
		return false
	}
	path := fn.Pkg().Path()
	return path == tracePath || path == module+"/wsconn" || strings.HasPrefix(path, module+"/wsconn/")
}

// receiver returns the name of a method's receiver type, or "" for a function.
func receiver(fn *types.Func) string {
	recv := fn.Signature().Recv()
	if recv == nil {
		return ""
	}
	t := recv.Type()
	if p, ok := t.(*types.Pointer); ok {
		t = p.Elem()
	}
	if n, ok := t.(*types.Named); ok {
		return n.Obj().Name()
	}
	return ""
}

func isContext(t types.Type) bool {
	n, ok := t.(*types.Named)
	return ok && n.Obj().Pkg() != nil && n.Obj().Pkg().Path() == "context" && n.Obj().Name() == "Context"
}
