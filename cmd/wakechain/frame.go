package main

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/wakechain/wakechain/internal/text"
	"github.com/wakechain/wakechain/trace/live"
)

var keyHelp = []string{
	"q            end",
	"↑ ↓ k j      choose a goroutine; also PgUp, PgDn, Home and End",
	"Enter        all about it, or no more",
	"e            all about all of them, or no more",
	"a n w o      sort by age, name, what is waited for, process; again: the other way round",
	"r            the other way round",
	"/ text       only what has this text; Esc: all again",
	"i            without those that are idle or run",
	"space        pause",
	"?            this",
}

// frame returns the page, with at most the given numbers of lines and columns.
func (b *board) frame(columns, rows int, color bool) []string {
	f := framer{columns: columns, color: color}
	head := b.head(&f)
	if b.helping {
		for _, l := range keyHelp {
			head = append(head, f.line(l))
		}
		return head[:min(len(head), rows)]
	}
	foot := f.line(b.foot(), dim)
	found := b.findings(&f, max((rows-len(head)-1)/3, 0))
	head = append(head, found...)
	room := rows - len(head) - 2 // the heading of the list, and the foot
	if room < 1 {
		return append(head[:min(len(head), max(rows-1, 0))], foot)[:min(rows, len(head)+1)]
	}
	head = append(head, b.list(&f, room)...)
	for len(head) < rows-1 {
		head = append(head, "")
	}
	return append(head, foot)
}

// framer formats lines.
type framer struct {
	columns int
	color   bool
}

// line returns s, cut to the width, with the styles.
func (f *framer) line(s string, styles ...style) string {
	s = text.Clip(s, f.columns, "…")
	if f.color {
		return paint(s, styles...)
	}
	return s
}

func (b *board) head(f *framer) []string {
	v := b.view
	var names []string
	for i, p := range v.Processes {
		if i == 4 {
			names = append(names, fmt.Sprintf("%d more", len(v.Processes)-i))
			break
		}
		names = append(names, fmt.Sprintf("%s %d", printable(p.Name), p.PID))
	}
	what := "every " + text.Duration(b.every, " ")
	if b.paused {
		what = "paused"
	}
	out := []string{
		f.line(fmt.Sprintf("%s  %s  %s", strings.Join(names, ", "), v.At.Local().Format("15:04:05"), what), bold),
		f.line(fmt.Sprintf("%s, %s blocked, %s idle, %s", text.Counted(v.Counts.Goroutines, "goroutine"), text.Number(v.Counts.Blocked),
			text.Number(v.Counts.Idle), text.Counted(v.Counts.Connections, "connection end"))),
	}
	if b.err != nil {
		out = append(out, f.line("no answer: "+oneLine(b.err), red))
	}
	return out
}

var findingStyles = map[string]style{live.KindDeadlock: red, live.KindStalled: yellow, live.KindHead: yellow, live.KindSilent: cyan}

// findings returns the findings, in at most n lines.
func (b *board) findings(f *framer, n int) (out []string) {
	shown := b.view.Shown()
	for i, found := range shown {
		var lines []string
		for j, l := range text.Wrap(found.Text, fmt.Sprintf("%-9s", found.Kind), "         ", f.columns) {
			st := cmp.Or(findingStyles[found.Kind], bold)
			if j > 0 {
				st = ""
			}
			lines = append(lines, f.line(l, st))
		}
		if len(out)+len(lines) > n-1 && (i < len(shown)-1 || len(out)+len(lines) > n) {
			if n > len(out) {
				out = append(out, f.line(text.Counted(len(shown)-i, "more finding"), dim))
			}
			break
		}
		out = append(out, lines...)
	}
	return out
}

func (b *board) foot() string {
	if b.typing {
		return "/" + printable(b.filter) + "▏  Enter: keep it, Esc: all"
	}
	s := fmt.Sprintf("%d of %d  by %s", min(b.at()+1, len(b.rows)), len(b.rows), b.order)
	if b.reverse {
		s += ", reversed"
	}
	if b.filter != "" {
		s += "  with " + printable(b.filter)
	}
	if b.busyOnly {
		s += "  without idle"
	}
	return s + "  ? keys  q end"
}

// list returns the heading, and the rows in n lines below it.
func (b *board) list(f *framer, n int) []string {
	const ageWidth = 8
	name := len("GOROUTINE")
	waits := len("WAITS IN")
	for i := range b.rows[:min(len(b.rows), 500)] {
		name = max(name, text.Columns(printable(b.rows[i].name())))
		waits = max(waits, text.Columns(printable(b.rows[i].waits())))
	}
	name, waits = min(name, max(f.columns/3, 12)), min(waits, max(f.columns/3, 12))
	row := func(age, who, what, on string) string {
		return fmt.Sprintf(" %s  %s  %s  %s", padLeft(age, ageWidth), pad(who, name), pad(what, waits), on)
	}
	heading := f.line(pad(row("AGE", "GOROUTINE", "WAITS IN", "ON"), f.columns), invert)
	if !f.color {
		heading = f.line(row("AGE", "GOROUTINE", "WAITS IN", "ON"))
	}
	out := []string{heading}
	if len(b.rows) == 0 {
		return append(out, f.line(" nothing to show"))
	}
	// The chosen row stays on the page, with its details.
	at := b.at()
	b.first = min(b.first, at, len(b.rows)-1)
	heights := func(from, to int) (sum int) {
		for i := from; i <= to; i++ {
			sum += len(b.row(f, i, row))
		}
		return sum
	}
	for b.first < at && (at-b.first > n || heights(b.first, at) > n) {
		b.first++
	}
	b.page = 0
	for i := b.first; i < len(b.rows) && len(out) < n+1; i++ {
		out = append(out, b.row(f, i, row)...)
		b.page++
	}
	return out[:min(len(out), n+1)]
}

// row returns the lines of a row.
func (b *board) row(f *framer, i int, format func(age, who, what, on string) string) []string {
	r := &b.rows[i]
	line := format(text.Duration(r.age(b.view), " "), printable(r.name()), printable(r.waits()), printable(r.on()))
	var st []style
	switch {
	case r.rank() > 0:
		st = append(st, dim)
	case r.w.Reason == "net.write" || r.w.Reason == "write_lock":
		st = append(st, yellow)
	}
	mark := " "
	if r.key == b.chosen {
		mark = ">"
		st = append(st, bold)
	}
	out := []string{f.line(mark+line[1:], st...)}
	if !b.expanded(r) {
		return out
	}
	for _, d := range b.details(r) {
		for _, l := range text.Wrap(d, "            ", "              ", f.columns) {
			out = append(out, f.line(l))
		}
	}
	return out
}

// details returns everything in the view about a row.
func (b *board) details(r *boardRow) (out []string) {
	g, w, v := r.g, r.w, b.view
	who := fmt.Sprintf("%s g%d, began %s ago", printable(r.name()), g.ID, text.Duration(max(v.At.Sub(g.Began), 0), " "))
	for i := range v.Goroutines {
		if p := &v.Goroutines[i]; g.Parent != "" && p.Key == g.Parent {
			who += ", started by " + printable(p.Name)
		}
	}
	out = append(out, who)
	if w == nil {
		return append(out, "it runs, may run, or waits in what is not traced")
	}
	out = append(out, v.Sentence(g, w))
	if w.WakeHint != "" {
		out = append(out, "what ends it: "+printable(w.WakeHint))
	}
	for _, h := range w.Holders {
		s := printable(cmp.Or(h.Name, "a goroutine that is not in the view")) + " " + printable(h.What)
		if !h.Strong {
			s = "likely " + s
		}
		if !h.Since.IsZero() {
			s += ", for " + text.Duration(max(v.At.Sub(h.Since), 0), " ")
		}
		out = append(out, s)
	}
	if t := w.TCP; t != nil {
		out = append(out, fmt.Sprintf("%s handed to the kernel before; %s not acknowledged, %s of it not sent; peer's window %s, closed for %s of %s; rtt %s",
			text.Bytes(float64(t.Written)), text.Bytes(float64(t.Queued)), text.Bytes(float64(t.NotSent)), text.Bytes(float64(t.PeerWindow)),
			text.Duration(t.RwndLimited, " "), text.Duration(w.Age, " "), text.Duration(t.RTT, " ")))
	}
	for i := range v.Connections {
		if c := &v.Connections[i]; c.ID == w.Connection {
			out = append(out, fmt.Sprintf("%s %s → %s, open %s: read %s, wrote %s", printable(c.Role), printable(c.Local), printable(c.Remote),
				text.Duration(c.Age, " "), text.Counted(c.MessagesRead, "message"), text.Counted(c.MessagesWritten, "message")))
		}
	}
	if w.Span != nil {
		out = append(out, "span "+printable(w.Span.SpanID)+" of trace "+printable(w.Span.TraceID))
	}
	return out
}

// pad and padLeft fill s up to n columns, or cut it.
func pad(s string, n int) string {
	s = text.Clip(s, n, "…")
	return s + strings.Repeat(" ", max(n-text.Columns(s), 0))
}

func padLeft(s string, n int) string {
	s = text.Clip(s, n, "…")
	return strings.Repeat(" ", max(n-text.Columns(s), 0)) + s
}
