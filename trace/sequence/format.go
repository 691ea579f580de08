package sequence

import (
	"fmt"
	"io"
	"path"
	"strings"
)

// Format is an output of a [Diagram].
type Format string

// Formats.
const (
	Mermaid  Format = "mermaid"
	JS       Format = "js" // js-sequence-diagrams
	PlantUML Format = "plantuml"
	Text     Format = "text" // for a terminal
	SVG      Format = "svg"
	HTML     Format = "html"
)

// Formats returns all formats.
func Formats() []Format { return []Format{Mermaid, JS, PlantUML, Text, SVG, HTML} }

// extensions of files. The first one of a format is the usual one.
var extensions = []struct {
	ext    string
	format Format
}{
	{".mmd", Mermaid},
	{".mermaid", Mermaid},
	{".seq", JS},
	{".puml", PlantUML},
	{".plantuml", PlantUML},
	{".txt", Text},
	{".svg", SVG},
	{".html", HTML},
	{".htm", HTML},
}

// FormatOf returns the format for a file's name, by its extension: .mmd and .mermaid, .seq
// ([JS]), .puml and .plantuml, .txt, .svg, .html and .htm.
func FormatOf(name string) (Format, error) {
	ext := strings.ToLower(path.Ext(name))
	var known []string
	for _, e := range extensions {
		if e.ext == ext {
			return e.format, nil
		}
		known = append(known, e.ext)
	}
	return "", fmt.Errorf("sequence: no format has the extension %q: use one of %s", ext, strings.Join(known, " "))
}

// ParseFormat returns the format with the name.
func ParseFormat(name string) (Format, error) {
	var known []string
	for _, f := range Formats() {
		if string(f) == name {
			return f, nil
		}
		known = append(known, string(f))
	}
	return "", fmt.Errorf("sequence: no format %q: use one of %s", name, strings.Join(known, " "))
}

// writers of the formats, and the maximum number of rows by default.
var writers = map[Format]struct {
	rows  int
	write func(*page) error
}{
	Mermaid:  {150, writeMermaid},
	JS:       {200, writeJS},
	PlantUML: {200, writePlantUML},
	Text:     {400, writeText},
	SVG:      {200, writeSVG},
	HTML:     {2_000, writeHTML},
}

// Write writes the diagram to w in a format. opts follow those of [New], and only
// [WithMaxRows], [WithScale], [WithWidth] and [WithColor] have an effect. It returns w's
// error, or an error if the format is unknown.
func (d *Diagram) Write(w io.Writer, f Format, opts ...Option) error {
	to, ok := writers[f]
	if !ok {
		_, err := ParseFormat(string(f))
		return err
	}
	cfg := d.cfg.with(opts)
	fixed := cfg.rows > 0
	if !fixed {
		cfg.rows = to.rows
	}
	p := newPage(d, cfg, cfg.rows)
	p.fixed = fixed
	if err := to.write(p); err != nil {
		return fmt.Errorf("sequence: write %s: %w", f, err)
	}
	if _, err := w.Write(p.out.Bytes()); err != nil {
		return fmt.Errorf("sequence: write %s: %w", f, err)
	}
	return nil
}
