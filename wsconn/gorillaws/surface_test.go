package gorillaws_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"github.com/wakechain/wakechain/wsconn/gorillaws"
)

// methods are the library's Conn's: true where a call has a span, false where it is
// passed through.
var methods = map[string]bool{
	"NextReader": true, "ReadMessage": true, "ReadJSON": true,
	"NextWriter": true, "WriteMessage": true, "WriteJSON": true, "WritePreparedMessage": true,
	"WriteControl": true, "Close": true,

	"CloseHandler": false, "SetCloseHandler": false, // their answers have spans
	"PingHandler": false, "SetPingHandler": false,
	"PongHandler": false, "SetPongHandler": false,
	"EnableWriteCompression": false, "SetCompressionLevel": false,
	"SetReadDeadline": false, "SetWriteDeadline": false, "SetReadLimit": false,
	"Subprotocol": false, "LocalAddr": false, "RemoteAddr": false,
	"NetConn": false, "UnderlyingConn": false,
}

// own are the methods that the library does not have. If it gets one with such a name,
// decide what the method does.
var own = []string{"Context", "WithContext", "Receive", "Request", "Unwrap"}

// If a new version of the library has a new method, decide what it does here.
func TestMethodSet(t *testing.T) {
	library, conn := reflect.TypeFor[*websocket.Conn](), reflect.TypeFor[*gorillaws.Conn]()
	for i := range library.NumMethod() {
		want := library.Method(i)
		if _, ok := methods[want.Name]; !ok || slices.Contains(own, want.Name) {
			t.Errorf("%s is neither traced nor passed through", want.Name)
			continue
		}
		got, ok := conn.MethodByName(want.Name)
		if !ok {
			t.Errorf("Conn has no method %s", want.Name)
			continue
		}
		if g, w := signature(got.Type), signature(want.Type); g != w {
			t.Errorf("%s: got %s, want %s", want.Name, g, w)
		}
	}
	for name := range methods {
		if _, ok := library.MethodByName(name); !ok {
			t.Errorf("the library has no method %s", name)
		}
	}
	for i := range conn.NumMethod() {
		name := conn.Method(i).Name
		if _, ok := methods[name]; !ok && !slices.Contains(own, name) {
			t.Errorf("%s is neither the library's nor listed as our own", name)
		}
	}
}

// The fields and methods of Upgrader and Dialer are the library's, and Options.
func TestStructs(t *testing.T) {
	for _, tt := range []struct{ got, want reflect.Type }{
		{reflect.TypeFor[gorillaws.Upgrader](), reflect.TypeFor[websocket.Upgrader]()},
		{reflect.TypeFor[gorillaws.Dialer](), reflect.TypeFor[websocket.Dialer]()},
	} {
		for i := range tt.want.NumField() {
			want := tt.want.Field(i)
			if got, ok := tt.got.FieldByName(want.Name); !ok || got.Type != want.Type {
				t.Errorf("%s.%s: got %v, want %v", tt.want, want.Name, got.Type, want.Type)
			}
		}
		if got, want := tt.got.NumField(), tt.want.NumField()+1; got != want {
			t.Errorf("%s: got %d fields, want %d", tt.got, got, want)
		}
		got, want := reflect.PointerTo(tt.got), reflect.PointerTo(tt.want)
		for i := range want.NumMethod() {
			m := want.Method(i)
			g, ok := got.MethodByName(m.Name)
			if !ok || strings.ReplaceAll(signature(g.Type), "gorillaws.", "websocket.") != signature(m.Type) {
				t.Errorf("%s.%s: got %v, want %v", want, m.Name, g.Type, m.Type)
			}
		}
		if got.NumMethod() != want.NumMethod() {
			t.Errorf("%s: got %d methods, want %d", got, got.NumMethod(), want.NumMethod())
		}
	}
}

// signature is the type of a method without its receiver.
func signature(f reflect.Type) string {
	var in, out []reflect.Type
	for i := 1; i < f.NumIn(); i++ {
		in = append(in, f.In(i))
	}
	for i := range f.NumOut() {
		out = append(out, f.Out(i))
	}
	return reflect.FuncOf(in, out, f.IsVariadic()).String()
}

// The package exports whatever the library does.
func TestExports(t *testing.T) {
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-f", "{{.Dir}}", "github.com/gorilla/websocket").Output()
	if err != nil {
		t.Fatal(err)
	}
	library, here := exports(t, strings.TrimSpace(string(dir))), exports(t, ".")
	if len(library) < 40 {
		t.Errorf("the library exports %d names, want 40 at least", len(library))
	}
	for _, name := range library {
		if !slices.Contains(here, name) {
			t.Errorf("%s is missing", name)
		}
	}
}

// exports returns the exported names of the package in dir, in order.
func exports(t *testing.T, dir string) (names []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil {
					names = append(names, d.Name.Name)
				}
			case *ast.GenDecl:
				for _, s := range d.Specs {
					switch s := s.(type) {
					case *ast.TypeSpec:
						names = append(names, s.Name.Name)
					case *ast.ValueSpec:
						for _, n := range s.Names {
							names = append(names, n.Name)
						}
					}
				}
			}
		}
	}
	names = slices.DeleteFunc(names, func(n string) bool { return !ast.IsExported(n) })
	slices.Sort(names)
	return names
}
