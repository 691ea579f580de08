package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// mermaid returns a page with the Mermaid that testdata/mermaid pins, installed
// there by npm if it is not.
func mermaid(t *testing.T) *browser {
	t.Helper()
	npm := need(t, "npm")
	b := newBrowser(t)
	folder := filepath.Join("testdata", "mermaid")
	script := filepath.Join(folder, "node_modules", "mermaid", "dist", "mermaid.min.js")
	if _, err := os.Stat(script); err != nil {
		cmd := exec.Command(npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund")
		cmd.Dir = folder
		if out, err := cmd.CombinedOutput(); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatalf("npm ci: %v\n%s", err, out)
			}
			t.Skipf("npm ci: %v\n%s", err, out)
		}
	}
	script, err := filepath.Abs(script)
	if err != nil {
		t.Fatal(err)
	}
	page := filepath.Join(t.TempDir(), "mermaid.html")
	html := fmt.Sprintf(`<!DOCTYPE html><meta charset="utf-8"><body><script src="file://%s"></script>
<script>mermaid.initialize({startOnLoad: false});</script>`, script)
	if err := os.WriteFile(page, []byte(html), 0o666); err != nil {
		t.Fatal(err)
	}
	b.open(t, page)
	return b
}

// variants are ways to draw each scenario, so that what depends on an option is
// parsed as well.
var variants = map[string][]string{
	"":           nil,
	" few":       {"-rows", "8"},
	" unfolded":  {"-unfold"},
	" services":  {"-by", "service"},
	" blocked":   {"-blocked", "1ms"},
	" lifelines": {"-lifelines", "3"},
	" linear":    {"-time", "linear"},
}

// parsed draws the scenarios in all variants, and the hostile names, into files.
func parsed(t *testing.T, ext string, check func(t *testing.T, file string)) {
	t.Helper()
	for _, spans := range append(testdata(t), filepath.Join("testdata", "hostile.json")) {
		for variant, args := range variants {
			name := strings.TrimSuffix(filepath.Base(spans), ".json")
			t.Run(name+variant, func(t *testing.T) {
				args := append([]string{"-title", "a title; with #signs"}, args...)
				check(t, drawFile(t, name+ext, append(args, spans)...))
			})
		}
	}
}

// TestMermaidParses lets Mermaid itself parse and draw what we write.
func TestMermaidParses(t *testing.T) {
	b := mermaid(t)
	parsed(t, ".mmd", func(t *testing.T, file string) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		quoted, err := json.Marshal(string(text))
		if err != nil {
			t.Fatal(err)
		}
		got := eval[string](t, b, fmt.Sprintf(`(async () => {
			const text = %s;
			try {
				await mermaid.parse(text);
				const {svg} = await mermaid.render('diagram', text);
				return new DOMParser().parseFromString(svg, 'text/html').body.textContent;
			} catch (e) {
				return 'ERROR ' + e;
			}
		})()`, quoted))
		if strings.HasPrefix(got, "ERROR") {
			t.Fatalf("%s\n%s", got, text)
		}
		if !strings.Contains(got, "a title; with #signs") {
			t.Error("the drawing does not show the title as it is")
		}
		if strings.HasSuffix(t.Name(), "/hostile") && !strings.Contains(got, "</script><script>") {
			t.Errorf("the drawing does not show a name as it is:\n%s", got)
		}
	})
}

// TestPlantUMLParses lets PlantUML parse what we write.
func TestPlantUMLParses(t *testing.T) {
	plantuml := need(t, "plantuml")
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
