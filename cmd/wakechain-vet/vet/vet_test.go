package vet_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"testing"

	"golang.org/x/tools/go/analysis/analysistest"

	"github.com/wakechain/wakechain/cmd/wakechain-vet/vet"
)

func TestAnalyzer(t *testing.T) {
	analysistest.RunWithSuggestedFixes(t, analysistest.TestData(), vet.Analyzer, "a")
}

// What the testdata has of package trace is in the real one, with as many parameters and
// results.
func TestStub(t *testing.T) {
	real := functions(t, filepath.Join("..", "..", "..", "trace"))
	for name, shape := range functions(t, filepath.Join("testdata", "src", "github.com", "wakechain", "wakechain", "trace")) {
		if got, ok := real[name]; !ok || got[1] != shape[1] || got[0] < shape[0] {
			t.Errorf("%s: the stub has %v parameters and results, package trace %v", name, shape, got)
		}
	}
}

// functions are those of a folder that are exported, as TYPE.NAME, with how many
// parameters and results they have.
func functions(t *testing.T, dir string) map[string][2]int {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: got %d files, %v", dir, len(files), err)
	}
	all := map[string][2]int{}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || !fn.Name.IsExported() {
				continue
			}
			all[typeName(fn)+fn.Name.Name] = [2]int{fn.Type.Params.NumFields(), fn.Type.Results.NumFields()}
		}
	}
	return all
}

func typeName(fn *ast.FuncDecl) string {
	if fn.Recv == nil {
		return ""
	}
	e := fn.Recv.List[0].Type
	if p, ok := e.(*ast.StarExpr); ok {
		e = p.X
	}
	if i, ok := e.(*ast.IndexExpr); ok {
		e = i.X
	}
	return e.(*ast.Ident).Name + "."
}
