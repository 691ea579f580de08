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

// failing is a writer that returns an error.
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
