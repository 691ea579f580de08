package live

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"io"
	"time"

	"github.com/wakechain/wakechain/internal/text"
)

var (
	//go:embed html/page.html
	pageHTML string
	//go:embed html/page.css
	pageCSS string
	//go:embed html/page.js
	pageJS string

	pageTemplate = template.Must(template.New("page").Parse(pageHTML))

	// pagePolicy allows a page to fetch itself, and to use its own style and script.
	pagePolicy = "default-src 'none'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; " +
		"style-src '" + sourceHash(pageCSS) + "'; script-src '" + sourceHash(pageJS) + "'"
)

// refresh is the time between two refreshes of a page.
const refresh = 2 * time.Second

// page is the template's data.
type page struct {
	*sheet
	Title, Clock        string
	Every               int // seconds; 0: the page does not refresh itself
	Min, Connection     string
	Text, JSON          string // links
	WithStacks, NoStack string
	All                 string
	Style               template.CSS
	Script              template.JS
	Gone                bool // no connection in the view has the ID Connection
}

// writePage writes the page. It is complete without its script, which fetches the page
// again and replaces what has changed.
func (v *View) writePage(w io.Writer, q query) error {
	s := newSheet(v)
	p := page{
		sheet: s, Title: s.About, Clock: s.At.UTC().Format("15:04:05 UTC"),
		Every:      int(refresh / time.Second),
		Connection: text.Printable(q.connection), Style: template.CSS(pageCSS), Script: template.JS(pageJS),
		Text: q.link("format", "text"), JSON: q.link("format", "json"), All: "?",
		WithStacks: q.link("stacks", "1"), NoStack: q.link("stacks", ""),
		Gone: q.connection != "" && s.ends[q.connection] == nil,
	}
	if q.min > 0 {
		p.Min = q.min.String()
	}
	if q.stacks {
		p.Every, p.Stacks = 0, true
	}
	return pageTemplate.Execute(w, p)
}

// sourceHash returns the name of a style or a script in the policy.
func sourceHash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}
