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

// pages are the README and what it was before it became short.
var pages = []string{"README.md", "docs/testing.md", "docs/production.md"}

// block is a fenced block of a page.
type block struct{ language, text string }

var fence = regexp.MustCompile("(?ms)^```(\\w*)[^\n]*\n(.*?\n)```$")

func blocks(t *testing.T) []block {
	t.Helper()
	var all []block
	for _, page := range pages {
		for _, m := range fence.FindAllStringSubmatch(read(t, page), -1) {
			switch m[1] {
			case "go", "sh", "text":
			default:
				t.Errorf("%s: a block of language %q, want go, sh or text: nothing checks it\n%s", page, m[1], m[2])
			}
			all = append(all, block{m[1], m[2]})
		}
	}
	return all
}

// TestSnippets holds that the paragraphs of each of the pages' blocks of Go stand
// in one test file, which the compiler checks; most of them are run there, too.
func TestSnippets(t *testing.T) {
	var sources []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Name() == "node_modules" {
			return fs.SkipDir
		}
		if err == nil && strings.HasSuffix(path, "_test.go") {
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
		checked++
		files := sources
		for paragraph := range strings.SplitSeq(strings.TrimSuffix(b.text, "\n"), "\n\n") {
			if files = having(files, paragraph+"\n"); len(files) == 0 {
				t.Errorf("no test file has this (and what is above it):\n%s", paragraph)
				break
			}
		}
	}
	if checked == 0 {
		t.Error("the pages have no Go")
	}
}

var line = regexp.MustCompile(`(?m)^(.)`)

// having returns the sources that have these lines, at some indentation.
func having(sources []string, lines string) []string {
	var found []string
	for range 5 {
		for _, s := range sources {
			if strings.Contains(s, "\n"+lines) {
				found = append(found, s)
			}
		}
		lines = line.ReplaceAllString(lines, "\t$1")
	}
	return found
}

var (
	link    = regexp.MustCompile(`\]\(([^)#\s]*)(?:#([^)\s]*))?[^)]*\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.*)$`)
	noSlug  = regexp.MustCompile(`[^\pL\pN _-]`)
)

// anchors are the fragments of a page's headings, as GitHub makes them.
func anchors(page string) map[string]bool {
	all := map[string]bool{}
	for _, m := range heading.FindAllStringSubmatch(fence.ReplaceAllString(page, ""), -1) {
		all[strings.ReplaceAll(noSlug.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-")] = true
	}
	return all
}

// TestLinks holds that the relative links of all pages lead to files, and to headings in them.
func TestLinks(t *testing.T) {
	pages := []string{"README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "examples/README.md"}
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
			to := page
			if m[1] != "" {
				to = filepath.Join(filepath.Dir(page), m[1])
			}
			if _, err := os.Stat(filepath.Join(root, to)); err != nil {
				t.Errorf("%s: %v", page, err)
			} else if m[2] != "" && strings.HasSuffix(to, ".md") && !anchors(read(t, to))[m[2]] {
				t.Errorf("%s: %s has no heading %q", page, to, m[2])
			}
		}
	}
}

// TestVersions holds that the versions that the README names are those that are tested.
func TestVersions(t *testing.T) {
	mod, build := read(t, "go.mod"), read(t, "examples/jaeger/README.md")
	version := func(text, pattern string) string {
		m := regexp.MustCompile(`(?m)` + pattern).FindStringSubmatch(text)
		if m == nil {
			t.Fatalf("nothing like %s", pattern)
		}
		return m[1]
	}
	want := "| " + strings.Join([]string{
		strings.TrimSuffix(version(mod, `^go ([\d.]+)$`), ".0"),
		version(mod, `nhooyr.io/websocket v(\S+)`),
		version(mod, `github.com/coder/websocket v(\S+)`),
		version(mod, `github.com/gorilla/websocket v(\S+)`),
		version(mod, `github.com/gobwas/ws v(\S+)`),
		version(mod, `go.opentelemetry.io/otel v(\S+)`),
		version(build, `jaegertracing/jaeger:(\S+)`),
	}, " | ") + " |\n"
	if !strings.Contains(read(t, "README.md"), want) {
		t.Errorf("the README does not have the versions of go.mod: %s", want)
	}
}
