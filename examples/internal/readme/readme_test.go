// Package readme_test holds the README to the truth: its code is what the compiler
// has seen, its commands are run, its links lead somewhere.
package readme_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const root = "../../.."

func read(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, file))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// block is a fenced block of the README.
type block struct{ language, text string }

var fence = regexp.MustCompile("(?ms)^```(\\w*)[^\n]*\n(.*?\n)```$")

func blocks(t *testing.T) []block {
	t.Helper()
	var all []block
	for _, m := range fence.FindAllStringSubmatch(read(t, "README.md"), -1) {
		switch m[1] {
		case "go", "sh", "text":
		default:
			t.Errorf("a block of language %q, want go, sh or text: nothing checks it\n%s", m[1], m[2])
		}
		all = append(all, block{m[1], m[2]})
	}
	return all
}

// TestSnippets holds that each paragraph of the README's Go is a part of a Go
// file, which the compiler checks, and in most cases of an Example, which is run.
func TestSnippets(t *testing.T) {
	var sources []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Name() == "node_modules" {
			return fs.SkipDir
		}
		if err == nil && filepath.Ext(path) == ".go" {
			var b []byte
			b, err = os.ReadFile(path)
			sources = append(sources, "\n"+string(b))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, b := range blocks(t) {
		if b.language != "go" {
			continue
		}
		for paragraph := range strings.SplitSeq(strings.TrimSuffix(b.text, "\n"), "\n\n") {
			checked++
			if !within(sources, paragraph+"\n") {
				t.Errorf("no Go file has this:\n%s", paragraph)
			}
		}
	}
	if checked == 0 {
		t.Error("the README has no Go")
	}
}

var line = regexp.MustCompile(`(?m)^(.)`)

// within tells whether a source has these lines, at some indentation.
func within(sources []string, lines string) bool {
	for range 5 {
		for _, s := range sources {
			if strings.Contains(s, "\n"+lines) {
				return true
			}
		}
		lines = line.ReplaceAllString(lines, "\t$1")
	}
	return false
}

var link = regexp.MustCompile(`\]\(([^)#\s]+)[^)]*\)`)

// TestLinks holds that the relative links of all pages lead to files.
func TestLinks(t *testing.T) {
	pages := []string{"README.md", "CHANGELOG.md"}
	for _, pattern := range []string{"docs/*.md", "docs/*/*.md", "examples/*/*.md"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil || len(found) == 0 {
			t.Errorf("%s: pages %v, error %v", pattern, found, err)
		}
		for _, page := range found {
			page, _ = filepath.Rel(root, page)
			pages = append(pages, page)
		}
	}
	for _, page := range pages {
		for _, m := range link.FindAllStringSubmatch(fence.ReplaceAllString(read(t, page), ""), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(root, filepath.Dir(page), m[1])); err != nil {
				t.Errorf("%s: %v", page, err)
			}
		}
	}
}
