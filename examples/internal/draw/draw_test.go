// Package draw_test has what knows them parse and open the diagrams that the command
// draws, and records the scenarios that they are drawn from.
package draw_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

const root = "../../.."

// hostile are spans whose names try to leave their place.
var hostile = filepath.Join(root, "cmd", "wakechain", "testdata", "hostile.json")

var command string // the file that is run

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "draw")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		build := exec.Command("go", "build", "-C", root, "-o", dir+string(filepath.Separator), "./cmd/wakechain")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "%v: %v\n%s", build, err, out)
			return 1
		}
		built, _ := filepath.Glob(filepath.Join(dir, "wakechain*")) // .exe, perhaps
		if len(built) != 1 {
			fmt.Fprintf(os.Stderr, "%v has built %v\n", build, built)
			return 1
		}
		command = built[0]
		return m.Run()
	}())
}

// testdata are the spans of the scenarios.
func testdata(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, "trace", "sequence", "testdata", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	return files
}

func scenario(name string) string {
	return filepath.Join(root, "trace", "sequence", "testdata", name+".json")
}

// drawFile runs the command into a new file.
func drawFile(t *testing.T, name string, args ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	cmd := exec.Command(command, append([]string{"draw", "-o", file}, args...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil || stdout.Len()+stderr.Len() > 0 {
		t.Fatalf("%v: %v, stdout %q, stderr %q", cmd, err, &stdout, &stderr)
	}
	return file
}
