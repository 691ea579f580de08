package vet

import (
	"bytes"
	"go/ast"
	"go/format"
	"go/token"
	"go/types"
	"strconv"

	"golang.org/x/tools/go/analysis"
)

// unseen reports the waits in a traced function that no trace would show.
func unseen(pass *analysis.Pass, fn function) {
	w := &walker{pass: pass, fn: fn, ctx: contextOf(pass.TypesInfo, fn.typ), trace: imported(fn.file)}
	ast.Inspect(fn.body, w.visit)
}

// walker checks the body of one function.
type walker struct {
	pass  *analysis.Pass
	fn    function
	ctx   string // the name of its context; "": none
	trace string // the name of package trace in the file; "": not known

	nested bool // in a function literal, which may have other results
}

// fixable reports whether a fix can use the context and package trace.
func (w *walker) fixable() bool { return w.trace != "" && w.ctx != "" && w.ctx != "_" }

func (w *walker) visit(n ast.Node) bool {
	switch s := n.(type) {
	case *ast.FuncLit:
		if !takesContext(w.pass.TypesInfo, s.Type) { // else it is checked as a traced function, or not at all
			inner := *w
			inner.nested = true
			ast.Inspect(s.Body, inner.visit)
		}
		return false
	case *ast.GoStmt:
		w.goStatement(s)
		return false // it runs in a goroutine that is not traced
	case *ast.SelectStmt:
		w.selectStatement(s)
		return false
	case *ast.SendStmt:
		w.send(s)
	case *ast.UnaryExpr:
		if s.Op == token.ARROW && !w.done(s.X) {
			w.report(s, "a receive from a plain channel waits unseen: use trace.Chan or trace.Recv")
		}
	case *ast.RangeStmt:
		if t := w.pass.TypesInfo.TypeOf(s.X); t != nil {
			if _, ok := t.Underlying().(*types.Chan); ok {
				w.report(s.X, "a range over a plain channel waits unseen: use trace.Chan")
			}
		}
	case *ast.CallExpr:
		w.call(s)
	}
	return true
}

func (w *walker) report(n ast.Node, message string, fixes ...analysis.SuggestedFix) {
	w.pass.Report(analysis.Diagnostic{Pos: n.Pos(), End: n.End(), Message: message, SuggestedFixes: fixes})
}

// done reports whether an expression is a call of a context's Done.
func (w *walker) done(e ast.Expr) bool {
	call, ok := ast.Unparen(e).(*ast.CallExpr)
	if !ok {
		return false
	}
	fn := callee(w.pass.TypesInfo, call)
	return of(fn, "context") && fn.Name() == "Done"
}

// instead are the replacements for types of package sync that wait.
var instead = map[string]string{"Mutex": "trace.Mutex", "RWMutex": "trace.RWMutex", "WaitGroup": "trace.WaitGroup"}

func (w *walker) call(call *ast.CallExpr) {
	fn := callee(w.pass.TypesInfo, call)
	if !of(fn, "sync") {
		return
	}
	switch fn.Name() {
	case "Lock", "RLock", "Wait":
		if other := instead[receiver(fn)]; other != "" {
			w.report(call, "sync."+receiver(fn)+"."+fn.Name()+" waits unseen: use "+other)
		}
	}
}

func (w *walker) selectStatement(s *ast.SelectStmt) {
	plain := false
	for _, c := range s.Body.List {
		comm := c.(*ast.CommClause)
		if comm.Comm == nil {
			plain = false
			break
		}
		plain = plain || !w.doneCase(comm.Comm)
	}
	if plain {
		w.report(s, "a select over plain channels waits unseen: use trace.Select")
	}
	for _, c := range s.Body.List {
		for _, stmt := range c.(*ast.CommClause).Body {
			ast.Inspect(stmt, w.visit)
		}
	}
}

// doneCase reports whether a case receives from a context's Done.
func (w *walker) doneCase(s ast.Stmt) bool {
	e, ok := s.(*ast.ExprStmt)
	if !ok {
		return false
	}
	u, ok := ast.Unparen(e.X).(*ast.UnaryExpr)
	return ok && u.Op == token.ARROW && w.done(u.X)
}

func (w *walker) send(s *ast.SendStmt) {
	const message = "a send on a plain channel waits unseen: use trace.Chan or trace.Send"
	if !w.fixable() || w.nested || !w.returnsError() {
		w.report(s, message)
		return
	}
	text := "if err := " + w.trace + ".Send(" + w.ctx + ", " + w.text(s.Chan) + ", " + w.text(s.Value) + "); err != nil {\nreturn err\n}"
	w.report(s, message, analysis.SuggestedFix{Message: "Send with trace.Send", TextEdits: []analysis.TextEdit{{Pos: s.Pos(), End: s.End(), NewText: []byte(text)}}})
}

// returnsError reports whether the function returns only an error, which is not named.
func (w *walker) returnsError() bool {
	r := w.fn.typ.Results
	if r == nil || len(r.List) != 1 || len(r.List[0].Names) != 0 {
		return false
	}
	return types.Identical(w.pass.TypesInfo.TypeOf(r.List[0].Type), types.Universe.Lookup("error").Type())
}

func (w *walker) text(n ast.Node) string {
	var b bytes.Buffer
	_ = format.Node(&b, w.pass.Fset, n)
	return b.String()
}

func (w *walker) goStatement(s *ast.GoStmt) {
	const message = "the goroutine of a bare go statement is in no trace: use trace.Go"
	if fix, ok := w.traceGo(s); ok && w.fixable() {
		w.report(s, message, fix)
		return
	}
	w.report(s, message)
}

// traceGo returns a fix that replaces the go statement by trace.Go, if that means the same:
// nothing may be evaluated later than before, and no return statement may leave the
// literal.
func (w *walker) traceGo(s *ast.GoStmt) (fix analysis.SuggestedFix, ok bool) {
	head := func(name string) string {
		return w.trace + ".Go(" + w.ctx + ", " + strconv.Quote(name) + ", func(" + w.ctx + " context.Context) error {"
	}
	if lit, ok := s.Call.Fun.(*ast.FuncLit); ok {
		if len(s.Call.Args) > 0 || lit.Type.Results != nil || returns(lit.Body) {
			return fix, false
		}
		return analysis.SuggestedFix{Message: "Start it with trace.Go, and give it a name", TextEdits: []analysis.TextEdit{
			{Pos: s.Pos(), End: lit.Body.Lbrace + 1, NewText: []byte(head("goroutine"))},
			{Pos: lit.Body.Rbrace, End: s.End(), NewText: []byte("return nil\n})")},
		}}, true
	}
	fn := callee(w.pass.TypesInfo, s.Call)
	if fn == nil {
		return fix, false
	}
	if sel, ok := s.Call.Fun.(*ast.SelectorExpr); ok { // its receiver would be evaluated later
		if _, ok := sel.X.(*ast.Ident); !ok || receiver(fn) != "" {
			return fix, false
		}
	}
	for _, arg := range s.Call.Args {
		switch a := arg.(type) {
		case *ast.BasicLit:
		case *ast.Ident:
			if a.Name != w.ctx {
				return fix, false
			}
		default:
			return fix, false
		}
	}
	text := head(fn.Name())
	switch results := fn.Signature().Results(); {
	case results.Len() == 1 && types.Identical(results.At(0).Type(), types.Universe.Lookup("error").Type()):
		text += "\nreturn " + w.text(s.Call) + "\n})"
	default:
		text += "\n" + w.text(s.Call) + "\nreturn nil\n})"
	}
	return analysis.SuggestedFix{Message: "Start it with trace.Go", TextEdits: []analysis.TextEdit{{Pos: s.Pos(), End: s.End(), NewText: []byte(text)}}}, true
}

// returns reports whether a body has a return statement of its own.
func returns(body *ast.BlockStmt) (found bool) {
	ast.Inspect(body, func(n ast.Node) bool {
		switch n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.ReturnStmt:
			found = true
		}
		return !found
	})
	return found
}

// imported returns the name of package trace in a file. It returns "" if the file does not
// import it, or does not import context by that name.
func imported(file *ast.File) (trace string) {
	contexts := false
	for _, i := range file.Imports {
		switch path, _ := strconv.Unquote(i.Path.Value); path {
		case "context":
			contexts = i.Name == nil
		case tracePath:
			if trace = "trace"; i.Name != nil {
				trace = i.Name.Name
			}
		}
	}
	if !contexts {
		return ""
	}
	return trace
}
