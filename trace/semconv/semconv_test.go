package semconv_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"strconv"
	"testing"
)

// A word of the vocabulary has one meaning and one spelling.
func TestNames(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "semconv.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	spelling := regexp.MustCompile(`^[a-z]+([._][a-z]+)* ?$`)
	kinds := map[string]map[string]string{} // type -> value -> name
	for _, decl := range file.Decls {
		gen, ok := decl.(*ast.GenDecl)
		if !ok || gen.Tok != token.CONST {
			continue
		}
		for _, spec := range gen.Specs {
			spec := spec.(*ast.ValueSpec)
			name, kind, value := spec.Names[0].Name, "", spec.Values[0]
			if id, ok := spec.Type.(*ast.Ident); ok {
				kind = id.Name
			}
			if call, ok := value.(*ast.CallExpr); ok {
				kind, value = "Key", call.Args[0]
			}
			text, err := strconv.Unquote(value.(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			if !spelling.MatchString(text) && name != "ErrorOther" { // which is OpenTelemetry's
				t.Errorf("%s: got %q, want lower case, dots and underscores", name, text)
			}
			if kinds[kind] == nil {
				kinds[kind] = map[string]string{}
			}
			if other := kinds[kind][text]; other != "" {
				t.Errorf("%q is both %s and %s", text, other, name)
			}
			kinds[kind][text] = name
		}
	}
	for _, kind := range []string{"", "Reason", "Cause", "WakeReason", "Source", "State", "Key"} {
		if len(kinds[kind]) == 0 {
			t.Errorf("no constant of kind %q found", kind)
		}
	}
}
