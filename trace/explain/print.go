package explain

import (
	"fmt"
	"io"
	"strings"

	"github.com/wakechain/wakechain/internal/text"
	"github.com/wakechain/wakechain/trace/chain"
)

// Option configures [Print], [WriteJSON] and [NewExporter].
type Option interface{ apply(*config) }

type config struct {
	width    int
	color    bool
	limit    int // findings; 0: all
	maxBytes int // of JSON
	maxSpans int // that an exporter keeps at most
}

type optionFunc func(*config)

func (f optionFunc) apply(c *config) { f(c) }

// WithWidth sets the width at which text is broken, in columns of a terminal. The default
// is 100, the minimum 40. Zero and less are ignored.
func WithWidth(columns int) Option {
	return optionFunc(func(c *config) {
		if columns > 0 {
			c.width = max(columns, 40)
		}
	})
}

// WithColor colors text by severity, with a terminal's escape codes. The default is no
// color.
func WithColor() Option { return optionFunc(func(c *config) { c.color = true }) }

// WithLimit writes only the first n findings, and the number of the others. By default, and
// for zero and less, all are written.
func WithLimit(n int) Option { return optionFunc(func(c *config) { c.limit = max(n, 0) }) }

func newConfig(opts []Option) *config {
	c := &config{width: 100, maxBytes: 256 << 10, maxSpans: 100_000}
	for _, o := range opts {
		if o != nil {
			o.apply(c)
		}
	}
	return c
}

// limited returns the findings to write, and the number of the others.
func (c *config) limited(findings []Finding) (shown []Finding, left int) {
	if c.limit == 0 || len(findings) <= c.limit {
		return findings, 0
	}
	return findings[:c.limit], len(findings) - c.limit
}

// String returns the finding as [Print] writes it without options.
func (f Finding) String() string { return newConfig(nil).text(&f) }

func (c *config) text(f *Finding) string {
	var b strings.Builder
	severity := fmt.Sprintf("%-8s", strings.ToUpper(f.Severity.String()))
	if c.color {
		severity = colors[f.Severity] + severity + plainAgain
	}
	fmt.Fprintf(&b, "%s %s  %s\n", severity, f.Rule, offset(f.At))
	if f.Headline != "" {
		if c.color {
			b.WriteString(bold)
		}
		c.wrap(&b, "  ", "  ", f.Headline)
		if c.color {
			b.WriteString(plainAgain)
		}
		b.WriteByte('\n')
	}
	if f.Text != "" {
		c.wrap(&b, "    ", "    ", f.Text)
		b.WriteByte('\n')
	}
	if f.Advice != "" {
		c.wrap(&b, "  → ", "    ", f.Advice)
		b.WriteByte('\n')
	}
	return b.String()
}

// Escape codes of terminals.
const (
	bold       = "\x1b[1m"
	plainAgain = "\x1b[0m"
)

var colors = map[Severity]string{Info: "\x1b[36m", Warning: "\x1b[33m", Problem: "\x1b[1;31m"}

// Print writes the findings for a terminal, with an empty line between them. Each is its
// headline, then the evidence, and then the advice. If there are none, it writes the number
// of spans. Texts from the trace are escaped. It returns the writer's error.
func Print(w io.Writer, c *chain.Chain, findings []Finding, opts ...Option) error {
	cfg := newConfig(opts)
	shown, left := cfg.limited(findings)
	texts := make([]string, len(shown), len(shown)+1)
	for i := range shown {
		texts[i] = cfg.text(&shown[i])
	}
	switch {
	case len(findings) == 0:
		texts = append(texts, nothing(c))
	case left > 0:
		texts = append(texts, fmt.Sprintf("… and %s.\n", text.Counted(left, "more finding")))
	}
	if _, err := io.WriteString(w, strings.Join(texts, "\n")); err != nil {
		return fmt.Errorf("explain: print: %w", err)
	}
	return nil
}

// nothing describes the chain in which nothing was found.
func nothing(c *chain.Chain) string {
	if c == nil {
		c = chain.New(nil)
	}
	services := make(map[string]bool)
	for _, s := range c.Spans {
		services[s.Service] = true
	}
	return fmt.Sprintf("Nothing found in %s of %s.\n", text.Counted(c.Len(), "span"), text.Counted(len(services), "service"))
}

// wrap writes s in lines. The last line has no line break.
func (c *config) wrap(b *strings.Builder, first, rest, s string) {
	b.WriteString(strings.Join(text.Wrap(s, first, rest, c.width), "\n"))
}
