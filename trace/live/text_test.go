package live_test

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wakechain/wakechain/trace/live"
)

var update = flag.Bool("update", false, "write the golden files")

func written(t *testing.T, v *live.View) string {
	t.Helper()
	var b bytes.Buffer
	if err := v.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestText(t *testing.T) {
	t.Parallel()
	joined := stalled()
	joined.Processes = append(joined.Processes, live.Process{PID: 815, Name: "getter", Host: "desk"})
	joined.Goroutines[0].Process, joined.Connections[1].Process = 1, 1
	joined.Connections[0].Between, joined.Connections[1].Between = true, true
	for name, v := range map[string]*live.View{
		"stalled": stalled(), "deadlock": deadlock(), "many": many(5_000), "few": many(3), "empty": newView(), "joined": joined,
	} {
		got := written(t, v)
		file := filepath.Join("testdata", name+".txt")
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if got != strings.ReplaceAll(string(want), "\r\n", "\n") {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
		}
	}
}

// A text is bounded, however large the view is, and counts what it leaves out.
func TestTextIsBounded(t *testing.T) {
	t.Parallel()
	v := many(3_000)
	for i := range v.Goroutines { // no two are alike
		v.Goroutines[i].Name += strings.Repeat("x", i)
		v.Goroutines[i].Stack = strings.Repeat("main.f()\n", 2_000)
		v.Connections[i].Reader.Name = v.Goroutines[i].Name
	}
	got := written(t, v)
	if lines := strings.Count(got, "\n"); len(got) > 2<<20 {
		t.Errorf("%d lines, %d bytes", lines, len(got))
	}
	for _, want := range []string{"2,500 more goroutines left out", "2,500 more connections left out"} {
		if !strings.Contains(got, want) {
			t.Errorf("the text does not say %q: it ends with\n%s", want, got[len(got)-300:])
		}
	}
}

// All goroutines are shown, whatever the view says of which started which.
func TestTextOfAnyTree(t *testing.T) {
	t.Parallel()
	v := newView()
	add := func(key, parent string) {
		v.Goroutines = append(v.Goroutines, live.Goroutine{Key: key, Name: key, Parent: parent, State: live.StateRunning, Began: now})
	}
	add("a", "b")
	add("b", "a")
	add("self", "self")
	for i := range 40 {
		add(strings.Repeat("n", i+1), strings.Repeat("n", i))
	}
	got := written(t, v)
	if n := strings.Count(got, "running"); n != 43 {
		t.Errorf("%d goroutines are shown, want 43:\n%s", n, got)
	}
}

func TestTextTellsTheWritersError(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	err := stalled().WriteText(errWriter{broken})
	if !errors.Is(err, broken) {
		t.Errorf("error %v, want %v", err, broken)
	}
}

type errWriter struct{ err error }

func (w errWriter) Write([]byte) (int, error) { return 0, w.err }
