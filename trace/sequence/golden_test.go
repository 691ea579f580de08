package sequence_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/sequence"
)

var update = flag.Bool("update", false, "write the golden diagrams anew")

// extension is that of the golden files of each format. HTML has none: tests in
// examples/internal/draw look at it in a browser.
var extension = map[sequence.Format]string{
	sequence.Mermaid: ".mmd", sequence.JS: ".seq", sequence.PlantUML: ".puml", sequence.Text: ".txt", sequence.SVG: ".svg",
}

func TestGolden(t *testing.T) {
	chains := map[string]*chain.Chain{"shop": chain.New(shop())}
	for _, name := range scenarios {
		chains[name] = recorded(t, name)
	}
	for name, c := range chains {
		t.Run(name, func(t *testing.T) {
			d := sequence.New(c, sequence.WithTitle(name), sequence.WithWidth(110))
			for format, ext := range extension {
				golden(t, name+ext, drawn(t, d, format))
			}
		})
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got == string(want) {
		return
	}
	gotLines, wantLines := strings.Split(got, "\n"), strings.Split(string(want), "\n")
	for i, line := range gotLines {
		if i == len(wantLines) || line != wantLines[i] {
			t.Errorf("%s differs from line %d on (write it with -update, and look at it):\n got %s\nwant %s",
				file, i+1, line, strings.Join(wantLines[i:min(i+1, len(wantLines))], ""))
			return
		}
	}
	t.Errorf("%s has %d lines, got %d", file, len(wantLines), len(gotLines))
}
