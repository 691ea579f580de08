package explain

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// width is where the lines of a finding are broken, in columns.
const width = 100

// String returns the finding as [Print] writes it.
func (f Finding) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-8s %s  %s\n", strings.ToUpper(f.Severity.String()), f.Rule, offset(f.At))
	fold(&b, "  ", "  ", f.Text)
	if f.Advice != "" {
		fold(&b, "  → ", "    ", f.Advice)
	}
	return b.String()
}

// Print writes the findings for a terminal, an empty line between them. The
// error is the writer's.
func Print(w io.Writer, findings []Finding) error {
	texts := make([]string, len(findings))
	for i, f := range findings {
		texts[i] = f.String()
	}
	if _, err := io.WriteString(w, strings.Join(texts, "\n")); err != nil {
		return fmt.Errorf("explain: print: %w", err)
	}
	return nil
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
