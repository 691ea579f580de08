package explain

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/wakechain/wakechain/trace/chain"
)

// width is where the lines of a finding are broken, in columns.
const width = 100

// String returns the finding as [Print] writes it.
func (f Finding) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-8s %s  %s\n", strings.ToUpper(f.Severity.String()), f.Rule, offset(f.At))
	if f.Headline != "" {
		b.WriteString("  " + f.Headline + "\n")
	}
	if f.Text != "" {
		fold(&b, "    ", "    ", f.Text)
	}
	if f.Advice != "" {
		fold(&b, "  → ", "    ", f.Advice)
	}
	return b.String()
}

// Print writes what [Explain] found in the chain for a terminal, an empty line
// between the findings: the headline of each, below it the evidence, and then the
// advice. Where nothing was found it says in how many spans. The error is the
// writer's.
func Print(w io.Writer, c *chain.Chain, findings []Finding) error {
	texts := make([]string, len(findings))
	for i, f := range findings {
		texts[i] = f.String()
	}
	if len(texts) == 0 {
		texts = []string{nothing(c)}
	}
	if _, err := io.WriteString(w, strings.Join(texts, "\n")); err != nil {
		return fmt.Errorf("explain: print: %w", err)
	}
	return nil
}

// nothing says in what nothing was found.
func nothing(c *chain.Chain) string {
	if c == nil {
		c = chain.New(nil)
	}
	services := make(map[string]bool)
	for _, s := range c.Spans {
		services[s.Service] = true
	}
	return fmt.Sprintf("Nothing found in %s of %s.\n", counted(c.Len(), "span"), counted(len(services), "service"))
}

// fold writes text in lines, of which the first begins with first and all others
// with rest.
func fold(b *strings.Builder, first, rest, text string) {
	b.WriteString(first)
	at := utf8.RuneCountInString(first)
	for i, word := range strings.Fields(text) {
		n := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case at+1+n > width:
			b.WriteString("\n" + rest)
			at = utf8.RuneCountInString(rest)
		default:
			b.WriteByte(' ')
			at++
		}
		b.WriteString(word)
		at += n
	}
	b.WriteByte('\n')
}
