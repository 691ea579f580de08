package live

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/wakechain/wakechain/internal/text"
)

// textWidth is the default width of sentences, in columns.
const textWidth = 100

// TextOption configures [View.WriteText]. The last option of a kind wins.
type TextOption func(*textOut)

// WithWidth breaks sentences and rows into lines of at most n columns, if their words are
// not longer. By default, and for n < 40, sentences have 100 columns, and rows are not
// broken.
func WithWidth(n int) TextOption {
	return func(o *textOut) {
		if n >= 40 {
			o.width, o.rows = n, true
		}
	}
}

// WithColor colors findings and headings, for a terminal.
func WithColor() TextOption { return func(o *textOut) { o.color = true } }

// textOut is the output of a text.
type textOut struct {
	bytes.Buffer
	width int
	rows  bool // the width applies to rows, too
	color bool
}

// paint returns s with the terminal's codes, if it is to be colored.
func (b *textOut) paint(codes, s string) string {
	if !b.color {
		return s
	}
	return "\x1b[" + codes + "m" + s + "\x1b[0m"
}

// heading begins a part.
func (b *textOut) heading(s, more string) {
	b.WriteString("\n" + b.paint("1", s) + more + "\n")
}

// line writes a line that begins with first. If it is too long, it continues on lines that
// begin with rest.
func (b *textOut) line(first, rest, line string) {
	if b.rows && text.Columns(first)+text.Columns(line) > b.width {
		b.wrap(first, rest, line)
		return
	}
	b.WriteString(first + line + "\n")
}

// kindColors are the colors of findings.
var kindColors = map[string]string{KindDeadlock: "1;31", KindStalled: "1;33", KindHead: "1;33", KindSilent: "1;36"}

// WriteText writes the view for a terminal: findings first, such as deadlocks and
// goroutines that hold others up, then the goroutines, each below the one that started it,
// then the connections. Above 50 rows, equal ones are joined into one with their number;
// what is left out is counted. Names from the program and the peer are escaped. It returns
// the writer's error.
func (v *View) WriteText(w io.Writer, opts ...TextOption) error {
	s := newSheet(v)
	b := textOut{width: textWidth}
	for _, o := range opts {
		if o != nil {
			o(&b)
		}
	}
	s.head(&b)
	for _, f := range s.Findings {
		b.WriteByte('\n')
		f.write(&b)
	}
	if s.MoreFindings > 0 {
		fmt.Fprintf(&b, "\n%s left out\n", text.Counted(s.MoreFindings, "more finding"))
	}
	s.reasons(&b)
	s.goroutines(&b)
	s.connections(&b)
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("live: write: %w", err)
	}
	return nil
}

func (s *sheet) head(b *textOut) {
	fmt.Fprintf(b, "%s\n%s, in %s: ", s.About, s.At.UTC().Format("2006-01-02 15:04:05.000 UTC"), s.Took)
	for i, f := range s.Facts {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(b, "%s %s", f.N, f.What)
	}
	b.WriteByte('\n')
}

func (s *sheet) reasons(b *textOut) {
	if len(s.Reasons) == 0 {
		return
	}
	what, n := 0, 0
	for _, r := range s.Reasons {
		what, n = max(what, text.Columns(r.What)), max(n, len(r.N))
	}
	b.heading("WAITS", "")
	for _, r := range s.Reasons {
		fmt.Fprintf(b, "  %s  %*s  oldest %s\n", padded(r.What, what), n, r.N, r.Oldest)
	}
	if s.MoreReasons > 0 {
		fmt.Fprintf(b, "  %s left out\n", text.Counted(s.MoreReasons, "more reason"))
	}
}

func (f *found) write(b *textOut) {
	b.WriteString(b.paint(cmp.Or(kindColors[f.Kind], "1"), f.Kind))
	if f.For != "" {
		b.WriteString("  for " + f.For)
	}
	b.WriteByte('\n')
	b.wrap("  ", "  ", f.Text)
	if len(f.Cycle) > 0 {
		b.wrap("  ", "    ", strings.Join(f.Cycle, " → "))
	}
}

func (s *sheet) goroutines(b *textOut) {
	if len(s.Busy) > 0 {
		b.heading("GOROUTINES", "")
		writeRows(b, s.Busy)
	}
	if len(s.Idle) > 0 {
		b.heading("IDLE", ", waiting for the next message or an end")
		writeRows(b, s.Idle)
	}
	if s.MoreGoroutines > 0 {
		fmt.Fprintf(b, "  %s left out\n", text.Counted(s.MoreGoroutines, "more goroutine"))
	}
}

// writeRows writes goroutines, with their ages in a column at the left.
func writeRows(b *textOut, rows []row) {
	ages := 0
	for _, r := range rows {
		ages = max(ages, text.Columns(r.For))
		for _, w := range r.Waits {
			ages = max(ages, text.Columns(w.Age))
		}
	}
	blank := strings.Repeat(" ", ages+4)
	for _, r := range rows {
		who := r.Guide + r.Name
		if r.Count > 1 {
			who = r.Guide + "×" + r.Many + " " + r.Name
		}
		if r.ID != "" {
			who += " " + r.ID
		}
		if r.Site != "" {
			who += " at " + r.Site
		}
		if len(r.Waits) == 0 {
			fmt.Fprintf(b, "  %s  %s  %s\n", left(r.For, ages), who, r.State)
		}
		for i, w := range r.Waits {
			if i > 0 {
				who = r.Rest
			}
			line := who + "  " + w.Operation
			if w.Why != "" {
				line += ": " + w.Why
			}
			if w.Oldest {
				line += ", the oldest"
			}
			if w.Conn != "" {
				line += " on " + w.Conn
			}
			if w.To != "" {
				line += " to " + w.To
			}
			b.line("  "+left(w.Age, ages)+"  ", blank+r.Rest+"  ", line)
			for _, note := range w.Notes {
				b.wrap(blank+r.Rest, blank+r.Rest+"  ", note)
			}
		}
		if r.More > 0 {
			fmt.Fprintf(b, "%s%s%s left out\n", blank, r.Rest, text.Counted(r.More, "more wait"))
		}
		for line := range strings.Lines(r.Stack) {
			b.WriteString(blank + r.Rest + "    " + line)
		}
	}
}

func (s *sheet) connections(b *textOut) {
	if len(s.Ends) > 0 {
		b.heading("CONNECTIONS", "")
		writePairs(b, s.Ends)
	}
	if len(s.IdleEnds) > 0 {
		b.heading("QUIET CONNECTIONS", "")
		writePairs(b, s.IdleEnds)
	}
	if s.MoreConnections > 0 {
		fmt.Fprintf(b, "  %s left out\n", text.Counted(s.MoreConnections, "more connection"))
	}
}

func writePairs(b *textOut, pairs []pairRow) {
	for _, p := range pairs {
		for i, e := range p.Ends {
			indent := "  "
			if i > 0 {
				b.WriteString("  ⇄ ")
				if p.Between {
					b.WriteString("(not the same TCP connection: something is between) ")
				}
				indent = "    "
			} else {
				b.WriteString(indent)
				if p.Count > 1 {
					fmt.Fprintf(b, "×%s ", p.Many())
				}
			}
			e.write(b, indent+"  ", p.Count > 1)
		}
	}
}

// write writes an end. With many, it is the oldest of several.
func (e *end) write(b *textOut, indent string, many bool) {
	if e.Process != "" {
		b.WriteString(e.Process + "'s ")
	}
	if many {
		fmt.Fprintf(b, "%s, the oldest %s", e.Role, e.ID)
	} else {
		fmt.Fprintf(b, "%s %s", e.Role, e.ID)
	}
	fmt.Fprintf(b, "  %s → %s  open %s", e.Local, e.Remote, e.Age)
	if e.Unsampled {
		b.WriteString(", not sampled")
	}
	fmt.Fprintf(b, "\n%sgot %s", indent, ago(e.Read, "last read", e.LastRead))
	fmt.Fprintf(b, "; wrote %s", ago(e.Written, "last", e.LastWrite))
	if e.LastPong != "" {
		fmt.Fprintf(b, "; last pong %s ago", e.LastPong)
	}
	fmt.Fprintf(b, "\n%sreader: %s\n", indent, e.Reader)
	if e.Writer != "" {
		fmt.Fprintf(b, "%swriter: %s\n", indent, e.Writer)
	}
	if e.Waiting != "" {
		fmt.Fprintf(b, "%s%s\n", indent, e.Waiting)
	}
}

func ago(what, last, since string) string {
	if since != "" {
		what += ", " + last + " " + since + " ago"
	}
	return what
}

// padded and left fill s up to n columns, on the right and on the left.
func padded(s string, n int) string { return s + strings.Repeat(" ", max(n-text.Columns(s), 0)) }
func left(s string, n int) string   { return strings.Repeat(" ", max(n-text.Columns(s), 0)) + s }

// wrap writes words in lines. The first line begins with first, the others with rest.
func (b *textOut) wrap(first, rest, words string) {
	b.WriteString(first)
	at := text.Columns(first)
	for i, word := range strings.Fields(words) {
		n := text.Columns(word)
		switch {
		case i == 0:
		case at+1+n > b.width:
			b.WriteString("\n" + rest)
			at = text.Columns(rest)
		default:
			b.WriteByte(' ')
			at++
		}
		b.WriteString(word)
		at += n
	}
	b.WriteByte('\n')
}
