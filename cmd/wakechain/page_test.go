package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/command.md anew")

// page is docs/command.md.
func page() string {
	var b strings.Builder
	b.WriteString("# The command\n\n<!-- Written by go generate ./cmd/wakechain. -->\n\n" + about + "\n\n")
	b.WriteString("```sh\ngo install github.com/wakechain/wakechain/cmd/wakechain@latest\n```\n\n| verb | |\n| --- | --- |\n")
	for _, v := range verbs() {
		b.WriteString("| [" + v.name + "](#" + v.name + ") | " + v.short + " |\n")
	}
	b.WriteString("\n## Sources\n\n" + folded(sourceText, "", 85) + "\n\n## Exit codes\n\n")
	b.WriteString("| code | |\n| ---: | --- |\n")
	for _, c := range exitCodes {
		b.WriteString("| " + c[0] + " | " + c[1] + " |\n")
	}
	for _, v := range verbs() {
		f := newFlags(v)
		b.WriteString("\n## " + v.name + "\n\n" + folded(sentence(v.short), "", 85) + "\n")
		if v.long != "" {
			b.WriteString("\n" + folded(v.long, "", 85) + "\n")
		}
		b.WriteString("\n```\n" + v.line(f) + "\n```\n")
		if v.flagged(f) {
			b.WriteString("\n| flag | |\n| --- | --- |\n")
			f.set.VisitAll(func(fl *flag.Flag) {
				name, usage := described(fl)
				b.WriteString("| `" + name + "` | " + usage + " |\n")
			})
		}
		if len(v.examples) > 0 {
			b.WriteString("\n```sh\n")
			for i, e := range v.examples {
				if i > 0 {
					b.WriteByte('\n')
				}
				b.WriteString("# " + e.what + "\n" + e.command + "\n")
			}
			b.WriteString("```\n")
		}
	}
	return b.String()
}

// docs/command.md is what the flags generate.
func TestPage(t *testing.T) {
	file := filepath.Join("..", "..", "docs", "command.md")
	if *update {
		if err := os.WriteFile(file, []byte(page()), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if want := page(); !bytes.Equal(got, []byte(want)) {
		t.Errorf("%s is not what the flags say: run go generate ./cmd/wakechain", file)
	}
}
