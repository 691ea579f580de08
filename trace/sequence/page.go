package sequence

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"
)

// page is a diagram with the state of writing it in one format.
type page struct {
	*Diagram
	cfg     config
	limit   int  // of rows
	fixed   bool // the limit was set by an option
	scrolls bool // the reader scrolls the page, so it need not fit a screen
	rows    []*Row
	out     bytes.Buffer

	ends   map[*Row]int   // the index of the row at which a Block's bar ends
	ending map[*Row][]int // the lifelines of the bars that end at a row

	// Bars that overlap on a lifeline of several goroutines are drawn side by side.
	slots  map[*Row]int // the place of a Block's bar, from 0
	beside [][]int      // at each row, how many places are taken on each lifeline
}

func newPage(d *Diagram, cfg config, limit int) *page {
	p := &page{Diagram: d, cfg: cfg, limit: limit}
	p.show(limited(d.Rows, limit))
	return p
}

// redraw draws the diagram again, with at most the given number of lifelines. It releases
// the old diagram first, so that the rows of all spans are not in memory twice.
func (p *page) redraw(lifelines, limit int) {
	c, cfg := p.chain, p.Diagram.cfg
	cfg.lifelines = lifelines
	*p = page{cfg: p.cfg, limit: limit, fixed: p.fixed, scrolls: p.scrolls}
	p.Diagram = draw(c, cfg)
	p.show(limited(p.Diagram.Rows, limit))
}

// show sets the rows.
func (p *page) show(rows []*Row) {
	p.rows, p.ends, p.ending = rows, make(map[*Row]int), make(map[*Row][]int)
	index := make(map[*Row]int, len(rows))
	for i, r := range rows {
		index[r] = i
	}
	for i, r := range rows {
		if r.Kind != Block {
			continue
		}
		end := len(rows) - 1
		until, ok := index[r.Until]
		switch {
		case ok:
			end = until
		case r.longest == notOver:
		case r.End > r.At || r.Blocked > 0:
			n, _ := slices.BinarySearchFunc(rows, r.End, func(r *Row, at time.Duration) int {
				if r.At <= at {
					return -1
				}
				return 1
			})
			end = max(n-1, i)
			// It ended between two rows: use the nearer one.
			if n < len(rows) && rows[n].At-r.End < r.End-rows[end].At {
				end = n
			}
		}
		p.ends[r] = end
		if end > i {
			p.ending[rows[end]] = append(p.ending[rows[end]], r.To)
		}
	}
	p.arrange()
}

// maxSlots is how many bars are drawn side by side. Further ones share the last place.
const maxSlots = 6

// arrange sets the place of each bar.
func (p *page) arrange() {
	p.slots, p.beside = make(map[*Row]int), make([][]int, len(p.rows))
	taken := make([][]int, len(p.Lifelines)) // for each place, the last row that it is taken for
	for i, r := range p.rows {
		if r.Kind == Block {
			places := &taken[r.To]
			at := slices.IndexFunc(*places, func(until int) bool { return until <= i })
			switch {
			case at >= 0:
			case len(*places) < maxSlots:
				at = len(*places)
				*places = append(*places, 0)
			default:
				at = maxSlots - 1
			}
			p.slots[r], (*places)[at] = at, max((*places)[at], p.ends[r])
		}
		p.beside[i] = make([]int, len(p.Lifelines))
		for lane, places := range taken {
			for at, until := range places {
				if until >= i {
					p.beside[i][lane] = at + 1
				}
			}
		}
	}
}

func (p *page) printf(format string, args ...any) { fmt.Fprintf(&p.out, format, args...) }

// noteWidth is the width of notes over all lifelines, in columns.
const noteWidth = 56

// note returns text as a note: broken into lines, which are escaped and joined.
func note(text string, escape func(string) string, newline string) string {
	lines := broken(text, noteWidth)
	for i := range lines {
		lines[i] = escape(lines[i])
	}
	return strings.Join(lines, newline)
}

// loops returns the loops that can be drawn as a frame, because their rows are consecutive.
// The keys are the first and the last row of a frame.
func (p *page) loops() (begin, end map[*Row]*Loop) {
	type place struct{ first, last, n int }
	places := make(map[*Loop]*place)
	for i, r := range p.rows {
		if r.Loop == nil {
			continue
		}
		at := places[r.Loop]
		if at == nil {
			at = &place{first: i}
			places[r.Loop] = at
		}
		at.last = i
		at.n++
	}
	begin, end = make(map[*Row]*Loop), make(map[*Row]*Loop)
	for l, at := range places {
		if at.last-at.first+1 == at.n && at.n > 1 {
			begin[p.rows[at.first]], end[p.rows[at.last]] = l, l
		}
	}
	return begin, end
}

// escapes returns s with each character replaced by escape unless plain reports true.
func escapes(s string, plain func(rune) bool, escape func(rune) string) string {
	var b strings.Builder
	for _, r := range s {
		if plain(r) {
			b.WriteRune(r)
		} else {
			b.WriteString(escape(r))
		}
	}
	return b.String()
}

// alphanumeric reports whether the character has no special meaning in any format.
func alphanumeric(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == ' ' || r > 0xA0
}
