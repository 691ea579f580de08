package live

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/wakechain/wakechain/internal/text"
)

// textWidth is where sentences are broken, in columns.
const textWidth = 100

// WriteText writes the view for a terminal: what is deadlocked and who holds others
// up first, then the goroutines, each below the one that started it, then the
// connections. Above 50 rows, those that are alike are one with their count; what
// is not shown is counted. Names of the program's and the peer's are escaped.
// The error is the writer's.
func (v *View) WriteText(w io.Writer) error {
	s := newSheet(v)
	var b bytes.Buffer
	s.head(&b)
	for _, f := range s.Findings {
		b.WriteByte('\n')
		f.write(&b)
	}
	if s.MoreFindings > 0 {
		fmt.Fprintf(&b, "\n%s left out\n", counted(s.MoreFindings, "more finding"))
	}
	s.reasons(&b)
	s.goroutines(&b)
	s.connections(&b)
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("live: write: %w", err)
	}
	return nil
}

func (s *sheet) head(b *bytes.Buffer) {
	fmt.Fprintf(b, "%s\n%s, in %s: ", s.About, s.At.UTC().Format("2006-01-02 15:04:05.000 UTC"), s.Took)
	for i, f := range s.Facts {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(b, "%s %s", f.N, f.What)
	}
	b.WriteByte('\n')
}

func (s *sheet) reasons(b *bytes.Buffer) {
	if len(s.Reasons) == 0 {
		return
	}
	what, n := 0, 0
	for _, r := range s.Reasons {
		what, n = max(what, text.Columns(r.What)), max(n, len(r.N))
	}
	b.WriteString("\nWAITS\n")
	for _, r := range s.Reasons {
		fmt.Fprintf(b, "  %s  %*s  oldest %s\n", padded(r.What, what), n, r.N, r.Oldest)
	}
	if s.MoreReasons > 0 {
		fmt.Fprintf(b, "  %s left out\n", counted(s.MoreReasons, "more reason"))
	}
}

func (f *found) write(b *bytes.Buffer) {
	b.WriteString(f.Kind)
	if f.For != "" {
		b.WriteString("  for " + f.For)
	}
	b.WriteByte('\n')
	wrap(b, "  ", "  ", f.Text)
	if len(f.Cycle) > 0 {
		wrap(b, "  ", "    ", strings.Join(f.Cycle, " → "))
	}
}

func (s *sheet) goroutines(b *bytes.Buffer) {
	if len(s.Busy) > 0 {
		b.WriteString("\nGOROUTINES\n")
		writeRows(b, s.Busy)
	}
	if len(s.Idle) > 0 {
		b.WriteString("\nIDLE, waiting for the next message or an end\n")
		writeRows(b, s.Idle)
	}
	if s.MoreGoroutines > 0 {
		fmt.Fprintf(b, "  %s left out\n", counted(s.MoreGoroutines, "more goroutine"))
	}
}

// writeRows writes goroutines, their ages in a column at the left.
func writeRows(b *bytes.Buffer, rows []row) {
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
			fmt.Fprintf(b, "  %s  %s  %s", left(w.Age, ages), who, w.Operation)
			if w.Why != "" {
				b.WriteString(": " + w.Why)
			}
			if w.Oldest {
				b.WriteString(", the oldest")
			}
			if w.Conn != "" {
				b.WriteString(" on " + w.Conn)
			}
			if w.To != "" {
				b.WriteString(" to " + w.To)
			}
			b.WriteByte('\n')
			for _, note := range w.Notes {
				wrap(b, blank+r.Rest, blank+r.Rest+"  ", note)
			}
		}
		if r.More > 0 {
			fmt.Fprintf(b, "%s%s%s left out\n", blank, r.Rest, counted(r.More, "more wait"))
		}
		for line := range strings.Lines(r.Stack) {
			b.WriteString(blank + r.Rest + "    " + line)
		}
	}
}

func (s *sheet) connections(b *bytes.Buffer) {
	if len(s.Ends) > 0 {
		b.WriteString("\nCONNECTIONS\n")
		writePairs(b, s.Ends)
	}
	if len(s.IdleEnds) > 0 {
		b.WriteString("\nQUIET CONNECTIONS\n")
		writePairs(b, s.IdleEnds)
	}
	if s.MoreConnections > 0 {
		fmt.Fprintf(b, "  %s left out\n", counted(s.MoreConnections, "more connection"))
	}
}

func writePairs(b *bytes.Buffer, pairs []pairRow) {
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

// write writes an end. Of many, it is the oldest.
func (e *end) write(b *bytes.Buffer, indent string, many bool) {
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

// padded and left fill s up to n columns, at the right and at the left.
func padded(s string, n int) string { return s + strings.Repeat(" ", max(n-text.Columns(s), 0)) }
func left(s string, n int) string   { return strings.Repeat(" ", max(n-text.Columns(s), 0)) + s }

// wrap writes words in lines, of which the first begins with first and all others
// with rest.
func wrap(b *bytes.Buffer, first, rest, words string) {
	b.WriteString(first)
	at := text.Columns(first)
	for i, word := range strings.Fields(words) {
		n := text.Columns(word)
		switch {
		case i == 0:
		case at+1+n > textWidth:
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
