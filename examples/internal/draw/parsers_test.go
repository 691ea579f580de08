package draw_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wakechain/wakechain/examples/internal/browser"
)

// parser returns a page with the scripts of a package that testdata pins,
// installed there by npm if it is not, and with setup run in it.
func parser(t *testing.T, name, setup string, scripts ...string) *browser.Browser {
	t.Helper()
	npm := browser.Need(t, "npm")
	b := browser.New(t)
	folder, err := filepath.Abs(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(folder, "node_modules")); err != nil {
		cmd := exec.Command(npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund")
		cmd.Dir = folder
		if out, err := cmd.CombinedOutput(); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatalf("npm ci: %v\n%s", err, out)
			}
			t.Skipf("npm ci: %v\n%s", err, out)
		}
	}
	html := `<!DOCTYPE html><meta charset="utf-8"><body><div id="drawing"></div>`
	for _, script := range scripts {
		html += fmt.Sprintf("\n<script src=\"file://%s\"></script>", filepath.Join(folder, "node_modules", script))
	}
	html += "\n<script>" + setup + "</script>"
	page := filepath.Join(t.TempDir(), name+".html")
	if err := os.WriteFile(page, []byte(html), 0o666); err != nil {
		t.Fatal(err)
	}
	b.OpenFile(t, page)
	return b
}

// drawn has the page draw the file, by the body of an async function of text
// that returns what the drawing reads.
func drawn(t *testing.T, b *browser.Browser, file, body string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	quoted, err := json.Marshal(string(text))
	if err != nil {
		t.Fatal(err)
	}
	got := browser.Eval[string](t, b, fmt.Sprintf(`(async (text) => {
		try {%s} catch (e) {
			return 'ERROR ' + e;
		}
	})(%s)`, body, quoted))
	if strings.HasPrefix(got, "ERROR") {
		t.Fatalf("%s\n%s", got, text)
	}
	return got
}

// variants are ways to draw a scenario, so that what depends on an option is parsed as
// well: of those that differ the most. How time runs makes no difference to a text.
var variants = map[string][]string{
	"":           nil,
	" few":       {"-rows", "8"},
	" unfolded":  {"-unfold"},
	" services":  {"-by", "service"},
	" blocked":   {"-blocked", "1ms"},
	" lifelines": {"-lifelines", "3"},
}

var varied = map[string]bool{"stalled": true, "writers": true, "segments": true, "hostile": true}

// parsed draws the scenarios and the hostile names into files.
func parsed(t *testing.T, ext string, check func(t *testing.T, file string)) {
	t.Helper()
	for _, spans := range append(testdata(t), hostile) {
		for variant, args := range variants {
			name := strings.TrimSuffix(filepath.Base(spans), ".json")
			if args != nil && !varied[name] {
				continue
			}
			t.Run(name+variant, func(t *testing.T) {
				args := append([]string{"-title", "a title; with #signs"}, args...)
				check(t, drawFile(t, name+ext, append(args, spans)...))
			})
		}
	}
}

// TestMermaidParses lets Mermaid itself parse and draw what we write.
func TestMermaidParses(t *testing.T) {
	b := parser(t, "mermaid", "mermaid.initialize({startOnLoad: false});", "mermaid/dist/mermaid.min.js")
	parsed(t, ".mmd", func(t *testing.T, file string) {
		got := drawn(t, b, file, `
			await mermaid.parse(text);
			const {svg} = await mermaid.render('diagram', text);
			return new DOMParser().parseFromString(svg, 'text/html').body.textContent;`)
		if !strings.Contains(got, "a title; with #signs") {
			t.Error("the drawing does not show the title as it is")
		}
		if strings.HasSuffix(t.Name(), "/hostile") && !strings.Contains(got, "</script><script>") {
			t.Errorf("the drawing does not show a name as it is:\n%s", got)
		}
	})
}

// TestJSSequenceParses lets js-sequence-diagrams, whose notation the seed of
// this project is written in, parse and draw what we write.
func TestJSSequenceParses(t *testing.T) {
	b := parser(t, "js-sequence-diagrams", "", "underscore/underscore-min.js", "raphael/raphael.min.js",
		"@rokt33r/js-sequence-diagrams/dist/sequence-diagram.js")
	parsed(t, ".seq", func(t *testing.T, file string) {
		got := drawn(t, b, file, `
			const diagram = Diagram.parse(text), drawing = document.getElementById('drawing');
			if (diagram.actors.length === 0 || diagram.signals.length === 0) throw 'nothing was parsed';
			drawing.replaceChildren();
			diagram.drawSVG('drawing', {theme: 'simple'});
			return drawing.textContent;`)
		if !strings.Contains(got, "a title; with ") {
			t.Errorf("the drawing does not show the title:\n%s", got)
		}
	})
}

// TestPlantUMLParses lets PlantUML parse what we write.
func TestPlantUMLParses(t *testing.T) {
	plantuml := browser.Need(t, "plantuml")
	folder := t.TempDir()
	parsed(t, ".puml", func(t *testing.T, file string) {
		name := strings.ReplaceAll(strings.ReplaceAll(t.Name(), "/", "_"), " ", "_")
		if err := os.Rename(file, filepath.Join(folder, name+".puml")); err != nil {
			t.Fatal(err)
		}
	})
	// All at once: each run starts a Java.
	cmd := exec.Command(plantuml, "-checkonly", filepath.Join(folder, "*.puml"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("plantuml: %v\n%s", err, out)
	}
}
