package sequence_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/sequence"
)

func TestFormatOf(t *testing.T) {
	for name, want := range map[string]sequence.Format{
		"a.mmd": sequence.Mermaid, "a.MERMAID": sequence.Mermaid, "x/a.seq": sequence.JS, "a.puml": sequence.PlantUML,
		"a.txt": sequence.Text, "a.svg": sequence.SVG, "a.b.html": sequence.HTML,
	} {
		if got, err := sequence.FormatOf(name); got != want || err != nil {
			t.Errorf("FormatOf(%q) = %q, %v, want %q", name, got, err, want)
		}
	}
	if _, err := sequence.FormatOf("a.gif"); err == nil || !strings.Contains(err.Error(), `".gif"`) {
		t.Errorf("FormatOf(a.gif): error %v, want one that names the extension", err)
	}
	for _, f := range sequence.Formats() {
		if got, err := sequence.ParseFormat(string(f)); got != f || err != nil {
			t.Errorf("ParseFormat(%q) = %q, %v", f, got, err)
		}
	}
	if err := sequence.New(chain.New(nil)).Write(new(bytes.Buffer), "gif"); err == nil || !strings.Contains(err.Error(), `"gif"`) {
		t.Errorf("Write in gif: error %v, want one that names it", err)
	}
}

// failing is a writer that fails.
type failing struct{}

var errFull = errors.New("full")

func (failing) Write([]byte) (int, error) { return 0, errFull }

func TestWriteError(t *testing.T) {
	d := sequence.New(chain.New(shop()))
	for _, f := range sequence.Formats() {
		if err := d.Write(failing{}, f); !errors.Is(err, errFull) {
			t.Errorf("%s: error %v, want the writer's", f, err)
		}
	}
}

func TestLimits(t *testing.T) {
	var ss spans
	for i := range 5000 {
		ss.add("a", "step"+strings.Repeat("x", i%50), -1, float64(i), float64(i)+0.5)
	}
	w := ss.message("a", "write", -1, 1, 2500, 2600)
	ss.pause(w, 2510, 2590, "lock", "unlocked")
	d := sequence.New(chain.New(ss), sequence.WithoutFolding())
	for _, f := range sequence.Formats() {
		got := drawn(t, d, f)
		if !strings.Contains(got, "steps") || !strings.Contains(got, "blocked 80 ms") {
			t.Errorf("%s does not say what is missing, or lacks the block", f)
		}
		if f == sequence.Mermaid && len(got) > 50_000 {
			t.Errorf("%d bytes of Mermaid, which takes 50,000", len(got))
		}
		if few := drawn(t, d, f, sequence.WithMaxRows(20)); f != sequence.HTML && len(few) >= len(got) {
			t.Errorf("%s: %d bytes for 20 rows, %d for more", f, len(few), len(got))
		}
	}
	text := drawn(t, d, sequence.Text, sequence.WithMaxRows(9))
	if got := strings.Count(text, "\n"); got > 20 {
		t.Errorf("%d lines for 9 rows:\n%s", got, text)
	}
	// Each step is in a row, or counted as missing.
	if !strings.Contains(text, "… 2,500 steps") || !strings.Contains(text, "… 2,4") {
		t.Errorf("the rows that are missing are not counted:\n%s", text)
	}
}

func TestColor(t *testing.T) {
	d := sequence.New(recorded(t, "stalled"))
	plain, colored := drawn(t, d, sequence.Text), drawn(t, d, sequence.Text, sequence.WithColor())
	if strings.Contains(plain, "\x1b") || !strings.Contains(colored, "\x1b[0;33m") {
		t.Error("color where it was not asked for, or none where it was")
	}
	for _, code := range []string{"", ";1", ";2", ";31", ";32", ";33", ";36"} {
		colored = strings.ReplaceAll(colored, "\x1b[0"+code+"m", "")
	}
	if colored != plain {
		t.Error("color changes more than the color")
	}
}

func TestWidth(t *testing.T) {
	d := sequence.New(recorded(t, "writers"))
	for _, width := range []int{40, 60, 80, 100, 200} {
		for line := range strings.Lines(drawn(t, d, sequence.Text, sequence.WithWidth(width))) {
			if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > width {
				t.Errorf("%d columns, want at most %d: %s", n, width, line)
			}
		}
	}
}
