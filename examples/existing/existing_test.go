// Package existing_test holds that the program after is the program before, and
// five lines.
package existing_test

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"nhooyr.io/websocket"

	"github.com/wakechain/wakechain/examples/internal/receiver"
	"github.com/wakechain/wakechain/trace/chain"
)

// TestDiff holds that the diff of the two is the one in the README.
func TestDiff(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, want, _ := strings.Cut(string(readme), "```diff\n")
	want, _, _ = strings.Cut(want, "```")
	got := diff(lines(t, "before/main.go"), lines(t, "after/main.go"))
	if got != want {
		t.Errorf("the programs differ by\n%s\nthe README says\n%s", got, want)
	}
	if n := strings.Count("\n"+got, "\n+"); n != 5 {
		t.Errorf("%d lines more, want five", n)
	}
}

func lines(t *testing.T, name string) []string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return strings.SplitAfter(string(text), "\n")
}

// diff returns the lines that go, after "-", and those that come, after "+": the
// shortest such list.
func diff(before, after []string) string {
	// common[i][j] is how many lines of before[i:] and after[j:] can stay.
	common := make([][]int, len(before)+1)
	for i := range common {
		common[i] = make([]int, len(after)+1)
	}
	for i, b := range slices.Backward(before) {
		for j, a := range slices.Backward(after) {
			if common[i][j] = max(common[i+1][j], common[i][j+1]); a == b {
				common[i][j] = common[i+1][j+1] + 1
			}
		}
	}
	var text strings.Builder
	for i, j := 0, 0; i < len(before) || j < len(after); {
		switch {
		case i < len(before) && j < len(after) && before[i] == after[j]:
			i, j = i+1, j+1
		case j == len(after) || i < len(before) && common[i+1][j] >= common[i][j+1]:
			text.WriteString("-" + before[i])
			i++
		default:
			text.WriteString("+" + after[j])
			j++
		}
	}
	return text.String()
}

// TestSpans runs each of the two with one client, and compares their spans.
func TestSpans(t *testing.T) {
	dir := t.TempDir() + string(filepath.Separator)
	if out, err := exec.Command("go", "build", "-o", dir, "./...").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	t.Run("before", func(t *testing.T) {
		c := spans(t, dir+"before")
		if got, want := below(c), "GET /prices\n  look up\n"; got != want {
			t.Errorf("spans\n%swant\n%s", got, want)
		}
	})
	t.Run("after", func(t *testing.T) {
		c := spans(t, dir+"after")
		for _, name := range []string{"read", "look up", "write"} {
			named := c.Named(name)
			if len(named) == 0 || named[0].Parent == nil || !named[0].Parent.Is("handshake") {
				t.Errorf("spans %s: %v, want them below the handshake:\n%s", name, named, c)
			}
		}
		if got := c.Named("GET /prices"); len(got) != 0 {
			t.Errorf("otelhttp has %v, want no span of a WebSocket", got)
		}
	})
}

// below is the names of all spans, each below its parent.
func below(c *chain.Chain) string {
	var text strings.Builder
	for depth, s := range c.Walk() {
		text.WriteString(strings.Repeat("  ", depth) + s.Name + "\n")
	}
	return text.String()
}

// spans returns what the program exports when a client has asked for one price.
func spans(t *testing.T, program string) *chain.Chain {
	t.Helper()
	backend := receiver.New(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program)
	cmd.Env = append(os.Environ(), "OTEL_EXPORTER_OTLP_ENDPOINT="+backend.URL)
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	_, url, _ := strings.Cut(strings.TrimSpace(line), "listens on ")
	ask(ctx, t, url)
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%s: %v", program, err)
	}
	return backend.Chain()
}

func ask(ctx context.Context, t *testing.T, url string) {
	t.Helper()
	c, _, err := websocket.Dial(ctx, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	if err := c.Write(ctx, websocket.MessageText, []byte("tea")); err != nil {
		t.Fatal(err)
	}
	_, p, err := c.Read(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(p), "tea: 3.99"; got != want {
		t.Errorf("the price is %q, want %q", got, want)
	}
	if err := c.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Error(err)
	}
}
