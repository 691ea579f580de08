// Package gorilla_test passes gorilla/websocket's own test suite and examples through
// package gorillaws.
package gorilla_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What the suite's tests look at inside the library, as the copy spells it.
var inside = []struct {
	is *regexp.Regexp
	to string
}{
	{regexp.MustCompile(`(\w+)\.newCompressionWriter = compressNoContextTakeover`), "testCompressWrites($1)"},
	{regexp.MustCompile(`(\w+)\.newDecompressionReader = decompressNoContextTakeover`), "testDecompressReads($1)"},
	{regexp.MustCompile(`\bc\.enableWriteCompression = true`), "c.EnableWriteCompression(true)"},
	{regexp.MustCompile(`\b(wc|c)\.writeBuf\b`), "testWriteBuf($1)"},
	{regexp.MustCompile(`\bc\.br\b`), "testReader(c)"},
	{regexp.MustCompile(`bufioWriterBuffer\(c\.NetConn\(\)`), "bufioWriterBuffer(c.Unwrap().NetConn()"},
	{regexp.MustCompile(`\bwpd\.buf\b`), "testPoolBuf(wpd)"},
	{regexp.MustCompile(`(?m)^(\t+)t\.Logf\(`), "${1}_ = fmt.Sprintf("},                // by a handler that may outlive its test, bare as well
	{regexp.MustCompile(`(?s)func TestTruncWriter\(.*?\n}\n`), "var _ bytes.Buffer\n"}, // of a part that knows no Conn
}

// without are the test files of such parts, and an example of the documentation.
var without = map[string]bool{"util_test.go": true, "mask_test.go": true, "client_test.go": true, "example_test.go": true}

// The library's own tests pass through the adapter as they do bare: without spans, with
// those of the SDK and of package lean, and with the stalls of what is not sampled. The copies are made here, from the module
// that this one requires.
func TestSuite(t *testing.T) {
	lib, root := moduleDir(t, "github.com/gorilla/websocket"), moduleDir(t, "github.com/wakechain/wakechain")
	dir := t.TempDir()
	copied, suite := filepath.Join(dir, "library"), filepath.Join(dir, "suite")
	names, err := filepath.Glob(filepath.Join(lib, "*.go"))
	if err != nil || len(names) == 0 {
		t.Fatal("no library in ", lib, err)
	}
	tests := 0
	for _, name := range names {
		base, text := filepath.Base(name), read(t, name)
		switch {
		case !strings.HasSuffix(base, "_test.go"):
			write(t, filepath.Join(copied, base), text)
		case !without[base]:
			for _, i := range inside {
				text = i.is.ReplaceAllString(text, i.to)
			}
			tests += strings.Count(text, "\nfunc Test")
			write(t, filepath.Join(suite, base), text)
		}
	}
	if tests < 49 {
		t.Errorf("the suite has %d tests, want 49 at least", tests)
	}
	write(t, filepath.Join(copied, "go.mod"), "module github.com/gorilla/websocket\n\ngo 1.20\n")
	write(t, filepath.Join(copied, "inside.go"), read(t, "testdata/library.go.txt"))
	write(t, filepath.Join(suite, "shim_test.go"), read(t, "testdata/shim.go.txt"))
	adapter := filepath.Join(dir, "adapter.go")
	write(t, adapter, read(t, "testdata/adapter.go.txt"))
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{
		filepath.Join(root, "wsconn/gorillaws/suite.go"): adapter,
	}})
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "overlay.json"), string(overlay))

	mod := strings.Replace(read(t, filepath.Join(root, "go.mod")), "module github.com/wakechain/wakechain", "module suite", 1)
	mod += "\nrequire github.com/wakechain/wakechain v0.0.0\n" +
		"replace github.com/wakechain/wakechain => " + root + "\n" +
		"replace github.com/gorilla/websocket => " + copied + "\n"
	write(t, filepath.Join(suite, "go.mod"), mod)
	write(t, filepath.Join(suite, "go.sum"), read(t, filepath.Join(root, "go.sum")))

	binary := filepath.Join(dir, "suite.test")
	build := []string{"test", "-mod=mod", "-overlay", filepath.Join(dir, "overlay.json"), "-c", "-o", binary, "."}
	if race {
		build = append([]string{"test", "-race"}, build[1:]...)
	}
	run(t, suite, nil, "go", build...)
	// A test seeds package math/rand, which a module of the library's age may.
	for _, spans := range []string{"off", "sdk", "lean", "stalls"} {
		t.Run(spans, func(t *testing.T) {
			out := run(t, suite, []string{"SUITE_SPANS=" + spans, "GODEBUG=randseednop=0"}, binary, "-test.v")
			passed := strings.Count(out, "\n--- PASS: Test")
			t.Logf("%d tests passed, %s", passed, strings.TrimSpace(out[strings.LastIndex(strings.TrimSpace(out), "\n"):]))
			if passed != tests {
				t.Errorf("%d tests passed, want %d", passed, tests)
			}
		})
	}
}

// The library's example programs compile with the import changed.
func TestExamples(t *testing.T) {
	lib, root := moduleDir(t, "github.com/gorilla/websocket"), moduleDir(t, "github.com/wakechain/wakechain")
	names, err := filepath.Glob(filepath.Join(lib, "examples/*/*.go"))
	if err != nil || len(names) < 6 {
		t.Fatal("no examples in ", lib, names, err)
	}
	dir := t.TempDir()
	for _, name := range names {
		text := strings.Replace(read(t, name), `"github.com/gorilla/websocket"`, `websocket "github.com/wakechain/wakechain/wsconn/gorillaws"`, 1)
		rel, err := filepath.Rel(lib, name)
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, rel), text)
	}
	mod := strings.Replace(read(t, filepath.Join(root, "go.mod")), "module github.com/wakechain/wakechain", "module programs", 1)
	write(t, filepath.Join(dir, "go.mod"), mod+"\nrequire github.com/wakechain/wakechain v0.0.0\nreplace github.com/wakechain/wakechain => "+root+"\n")
	write(t, filepath.Join(dir, "go.sum"), read(t, filepath.Join(root, "go.sum")))
	for _, name := range []string{"autobahn/server.go", "chat", "command", "echo/client.go", "echo/server.go", "filewatch"} {
		run(t, dir, nil, "go", "build", "-mod=mod", "-o", os.DevNull, "./examples/"+name)
	}
}

func moduleDir(t *testing.T, module string) string {
	t.Helper()
	dir := strings.TrimSpace(run(t, ".", nil, "go", "list", "-m", "-f", "{{.Dir}}", module))
	if dir == "" {
		t.Fatal("where is ", module, "?")
	}
	return dir
}

func run(t *testing.T, dir string, env []string, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir, cmd.Env = dir, append(append(os.Environ(), "GOFLAGS=", "GOWORK=off"), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
