package vet

import (
	"go/ast"
	"strings"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/ast/inspector"
)

// without is the consequence of ignoring the error of a method or function of package
// trace.
var without = map[string]string{
	"LockContext":  "the lock may not be held",
	"RLockContext": "the lock may not be held",
	"WaitContext":  "what it waits for may not have come",
	"DoContext":    "the function may not have returned",
	"Acquire":      "the semaphore may not be held",
	"Send":         "the value may not have been sent",
}

// ignoredErrors reports calls whose error is ignored.
func ignoredErrors(pass *analysis.Pass, in *inspector.Inspector) {
	in.Preorder([]ast.Node{(*ast.ExprStmt)(nil), (*ast.AssignStmt)(nil), (*ast.DeferStmt)(nil), (*ast.GoStmt)(nil)}, func(n ast.Node) {
		var call *ast.CallExpr
		blank := false
		switch s := n.(type) {
		case *ast.ExprStmt:
			call, _ = ast.Unparen(s.X).(*ast.CallExpr)
		case *ast.AssignStmt:
			if len(s.Rhs) != 1 || len(s.Lhs) != 1 {
				return
			}
			id, ok := s.Lhs[0].(*ast.Ident)
			if blank = ok && id.Name == "_"; !blank {
				return
			}
			call, _ = ast.Unparen(s.Rhs[0]).(*ast.CallExpr)
		case *ast.DeferStmt:
			call = s.Call
		case *ast.GoStmt:
			call = s.Call
		}
		if call == nil {
			return
		}
		fn := callee(pass.TypesInfo, call)
		if !of(fn, tracePath) || without[fn.Name()] == "" {
			return
		}
		d := analysis.Diagnostic{Pos: call.Pos(), End: call.End(), Message: "the error of " + fn.Name() + " is ignored: " + without[fn.Name()]}
		plain, ok := strings.CutSuffix(fn.Name(), "Context")
		if sel, method := ast.Unparen(call.Fun).(*ast.SelectorExpr); ok && method && !(plain == "Wait" && receiver(fn) == "Group") {
			edits := []analysis.TextEdit{{Pos: sel.Sel.Pos(), End: sel.Sel.End(), NewText: []byte(plain)}}
			if blank {
				edits = append(edits, analysis.TextEdit{Pos: n.Pos(), End: call.Pos()})
			}
			d.SuggestedFixes = []analysis.SuggestedFix{{Message: "Call " + plain + ", which cannot fail", TextEdits: edits}}
		}
		pass.Report(d)
	})
}
