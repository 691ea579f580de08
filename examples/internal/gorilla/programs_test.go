package gorilla_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Open-source programs pass their own tests with the import changed, in them and in
// their tests. What they are, and at which version, is in testdata/programs.
func TestPrograms(t *testing.T) {
	root := moduleDir(t, "github.com/wakechain/wakechain")
	dir := t.TempDir()
	write(t, filepath.Join(dir, "programs.go"), read(t, "testdata/programs/programs.go.txt"))
	mod := read(t, "testdata/programs/go.mod.txt")
	write(t, filepath.Join(dir, "go.mod"), mod)
	write(t, filepath.Join(dir, "go.sum"), read(t, "testdata/programs/go.sum.txt")+read(t, filepath.Join(root, "go.sum")))
	mod += "\nrequire github.com/wakechain/wakechain v0.0.0\nreplace github.com/wakechain/wakechain => " + root + "\n"
	programs := []struct {
		module, pkg string
		tests       int // that pass bare, and must so
	}{
		{"github.com/googollee/go-socket.io", "engineio/transport/websocket", 2},
		{"github.com/slack-go/slack", "socketmode", 39},
		{"github.com/sourcegraph/jsonrpc2", ".", 24},
	}
	for _, p := range programs {
		copied := filepath.Join(dir, filepath.Base(p.module))
		from := strings.TrimSpace(run(t, dir, nil, "go", "list", "-mod=mod", "-m", "-f", "{{.Dir}}", p.module))
		changeImports(t, from, copied)
		mod += "replace " + p.module + " => " + copied + "\n"
	}
	write(t, filepath.Join(dir, "go.mod"), mod)
	for _, p := range programs {
		t.Run(filepath.Base(p.module), func(t *testing.T) {
			args := []string{"test", "-mod=mod", "-vet=off", "-count=1", "-v"}
			if race {
				args = append(args, "-race")
			}
			out := run(t, dir, nil, "go", append(args, p.module+strings.TrimPrefix("/"+p.pkg, "/."))...)
			passed := strings.Count("\n"+out, "\n--- PASS: Test")
			t.Logf("%d tests passed", passed)
			if passed < p.tests {
				t.Errorf("%d tests passed, want %d", passed, p.tests)
			}
		})
	}
}

// changeImports copies a module, with the library's import changed.
func changeImports(t *testing.T, from, to string) {
	t.Helper()
	changed := 0
	err := filepath.WalkDir(from, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		rel, err := filepath.Rel(from, name)
		if err != nil {
			return err
		}
		text := read(t, name)
		if strings.HasSuffix(name, ".go") && strings.Contains(text, `"github.com/gorilla/websocket"`) {
			changed++
			for _, alias := range []string{"websocket ", "gorillaws ", "ws "} {
				text = strings.ReplaceAll(text, alias+`"github.com/gorilla/websocket"`, alias+`"github.com/wakechain/wakechain/wsconn/gorillaws"`)
			}
			text = strings.ReplaceAll(text, `"github.com/gorilla/websocket"`, `websocket "github.com/wakechain/wakechain/wsconn/gorillaws"`)
		}
		write(t, filepath.Join(to, rel), text)
		return os.Chmod(filepath.Join(to, rel), 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
	if changed == 0 {
		t.Fatal("nothing in ", from, " imports the library")
	}
}
