package sequence

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/wakechain/wakechain/internal/text"
)

// limited returns at most n rows, n > 0: all, or the most important ones and short gaps
// between them, with a row in place of each gap. A block is kept together with its wake.
func limited(rows []*Row, n int) []*Row {
	if len(rows) <= n {
		return rows
	}
	s := newSelection(rows)
	order := byWorth(rows)
	// Single rows with a gap before each are hard to read, so half of the room is for the
	// rows around them.
	s.take(order, n/2)
	s.fill(n)
	s.take(order, n)
	s.fill(n)
	return omit(rows, func(i int) bool { return s.kept[i] })
}

// selection is a choice of rows: those that are kept, and one for each gap between them.
type selection struct {
	rows   []*Row
	halves map[*Row]int // indexes of blocks and of the rows that end them
	kept   []bool
	total  int // rows kept, and gaps
}

func newSelection(rows []*Row) *selection {
	s := &selection{rows: rows, halves: make(map[*Row]int), kept: make([]bool, len(rows)), total: 1}
	for _, r := range rows {
		if r.wake != nil {
			s.halves[r], s.halves[r.wake] = -1, -1
		}
	}
	for i, r := range rows {
		if _, ok := s.halves[r]; ok {
			s.halves[r] = i
		}
	}
	return s
}

// take keeps rows in the given order, as long as no more than n are needed.
func (s *selection) take(order []int, n int) {
	for _, i := range order {
		if s.kept[i] || s.total >= n && s.cost(i) > 0 {
			continue
		}
		if r := s.rows[i]; r.Kind != Omitted && r.block == nil { // a wake comes with its block
			s.keep(i, i+1, n)
		}
	}
}

// fill keeps the rows of gaps, the smallest first, as long as no more than n are needed. A
// gap of one row is always kept: without it, the gap's row takes the same room.
func (s *selection) fill(n int) {
	type gap struct{ from, to int }
	var gaps []gap
	for i := 0; i < len(s.rows); i++ {
		from := i
		for i < len(s.rows) && !s.kept[i] {
			i++
		}
		if i > from {
			gaps = append(gaps, gap{from, i})
		}
	}
	slices.SortStableFunc(gaps, func(x, y gap) int { return cmp.Compare(x.to-x.from, y.to-y.from) })
	for _, g := range gaps {
		if g.to-g.from == 1 { // even without its other half
			s.total += s.cost(g.from)
			s.kept[g.from] = true
			continue
		}
		if s.total+g.to-g.from-1 > n {
			return
		}
		s.keep(g.from, g.to, n)
	}
}

// keep keeps the rows in [from, to), and the other half of each block and wake, unless that
// needs more than n.
func (s *selection) keep(from, to, n int) {
	var added []int
	add := func(i int) {
		if !s.kept[i] {
			s.total += s.cost(i)
			s.kept[i] = true
			added = append(added, i)
		}
	}
	for i := from; i < to; i++ {
		add(i)
		for _, half := range []*Row{s.rows[i].wake, s.rows[i].block} {
			if at, ok := s.halves[half]; half != nil && ok && at >= 0 {
				add(at)
			}
		}
	}
	if s.total <= n {
		return
	}
	for _, i := range added {
		s.kept[i] = false
		s.total -= s.cost(i)
	}
}

// cost returns how many more rows are needed if the i-th is kept. It counts the row, and
// the gaps that it adds or removes.
func (s *selection) cost(i int) int {
	cost := 2
	if i == 0 || s.kept[i-1] {
		cost--
	}
	if i == len(s.rows)-1 || s.kept[i+1] {
		cost--
	}
	return cost
}

// byWorth returns the indexes of rows, the most important first.
func byWorth(rows []*Row) []int {
	order, worths := make([]int, len(rows)), make([]time.Duration, len(rows))
	for i, r := range rows {
		order[i], worths[i] = i, worth(r)
	}
	slices.SortFunc(order, func(x, y int) int {
		return cmp.Or(cmp.Compare(worths[y], worths[x]), cmp.Compare(x, y))
	})
	return order
}

// worth returns how important a row is to a reader.
func worth(r *Row) time.Duration {
	switch r.Kind {
	case Omitted:
		return 0
	case Failure:
		return time.Hour
	case Block:
		if r.longest == notOver {
			return time.Hour
		}
		return r.Blocked + time.Millisecond
	case End, Call, Return, Spawn:
		if r.Failed {
			return time.Hour
		}
		return 100 * time.Microsecond
	default:
		if r.Failed {
			return time.Minute
		}
		return min(r.End-r.At, 10*time.Millisecond) / 100
	}
}

// omit replaces each gap of rows that are not kept by one row.
func omit(rows []*Row, keep func(i int) bool) []*Row {
	var kept []*Row
	var gap *Row
	for i, r := range rows {
		if keep(i) {
			if gap != nil {
				kept, gap = append(kept, gap.sum()), nil
			}
			kept = append(kept, r)
			continue
		}
		if gap == nil {
			gap = &Row{Kind: Omitted, At: r.At, From: None, To: None, seq: r.seq, op: -1, lost: new([kinds]int)}
		}
		gap.End = max(gap.End, r.End)
		if r.Kind == Omitted {
			for k, n := range r.lost {
				gap.lost[k] += n
			}
			gap.Count += r.Count
			continue
		}
		gap.lost[r.Kind] += max(r.Count, 1)
		gap.Count++
	}
	if gap != nil {
		kept = append(kept, gap.sum())
	}
	return kept
}

// sum sets the row's name to what is missing.
func (r *Row) sum() *Row {
	var parts []string
	for _, part := range []struct {
		what  string
		kinds []Kind
	}{
		{"message", []Kind{Message, Sent, Got}},
		{"call", []Kind{Call}},
		{"response", []Kind{Return}},
		{"block", []Kind{Block}},
		{"wake", []Kind{Wake}},
		{"failure", []Kind{Failure}},
		{"goroutine", []Kind{Spawn}},
		{"goroutine's end", []Kind{End}},
		{"step", []Kind{Step}},
	} {
		n := 0
		for _, k := range part.kinds {
			n += r.lost[k]
		}
		switch {
		case n == 0:
		case part.what == "goroutine's end" && n > 1:
			parts = append(parts, text.Number(n)+" goroutines' ends")
		default:
			parts = append(parts, text.Counted(n, part.what))
		}
	}
	r.Name = "… " + strings.Join(parts, ", ")
	return r
}

// onlyBlocked returns the rows of blocks that were long enough, and their context, which
// has no other blocks.
func (b *builder) onlyBlocked() []*Row {
	rows := b.d.Rows
	keep := make(map[*Row]bool)
	rowOf := make(map[int]*Row) // the first row of a span, by Seq
	for _, r := range rows {
		for _, s := range r.Spans {
			if rowOf[s.Seq] == nil {
				rowOf[s.Seq] = r
			}
		}
	}
	last := make([]*Row, len(b.d.Lifelines))
	open := make([]bool, len(b.d.Lifelines)) // the next row of the lifeline is context
	blocks := 0
	short := func(r *Row) bool {
		return r.Kind == Block && r.longest < b.cfg.atLeast || r.block != nil && r.block.longest < b.cfg.atLeast
	}
	lanes := func(r *Row, f func(lane int)) {
		for _, l := range []int{r.From, r.To} {
			if l != None {
				f(l)
			}
		}
	}
	for _, r := range rows {
		if short(r) {
			continue
		}
		lanes(r, func(l int) {
			if open[l] && r.Kind != Wake {
				keep[r], open[l] = true, false
			}
		})
		if r.Kind == Block {
			blocks++
			keep[r] = true
			if last[r.To] != nil {
				keep[last[r.To]] = true
			}
			if op := rowOf[r.op]; op != nil {
				keep[op] = true
			}
			if w := r.wake; w != nil {
				keep[w] = true
				for _, s := range w.Spans {
					if by := s.Waker(); by != nil && rowOf[by.Seq] != nil && !short(rowOf[by.Seq]) {
						keep[rowOf[by.Seq]] = true
					}
				}
			}
		}
		if r.Kind == Wake && keep[r] || r.Kind == Message && keep[r] {
			lanes(r, func(l int) { open[l] = true })
		}
		lanes(r, func(l int) { last[l] = r })
	}
	// A single row takes no more room than a row in its place.
	missing := func(i int) bool { return i >= 0 && i < len(rows) && !keep[rows[i]] }
	for i, r := range rows {
		if missing(i) && !missing(i-1) && !missing(i+1) && !short(r) {
			keep[r] = true
		}
	}
	if blocks == 0 {
		b.d.Notes = append(b.d.Notes, fmt.Sprintf("nothing was blocked for %s", human(b.cfg.atLeast)))
	}
	return omit(rows, func(i int) bool { return keep[rows[i]] })
}
