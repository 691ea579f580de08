package sequence

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// limited returns at most n rows: all, or the most telling ones with a row in
// each place where some are missing. A block stays with its wake.
func limited(rows []*Row, n int) []*Row {
	if len(rows) <= n {
		return rows
	}
	order := slices.Clone(rows)
	slices.SortStableFunc(order, func(x, y *Row) int { return cmp.Compare(worth(y), worth(x)) })
	keep := make(map[*Row]bool)
	// Each row kept may leave a gap before it, and there may be one at the end.
	for _, r := range order {
		if r.Kind == Wake && r.block != nil {
			continue // comes with its block
		}
		more := 1
		if r.Until != nil && !keep[r.Until] {
			more = 2
		}
		if 2*(len(keep)+more)+1 > n {
			break
		}
		keep[r] = true
		if r.Until != nil {
			keep[r.Until] = true
		}
	}
	return omit(rows, keep)
}

// worth orders rows by how much a reader would miss them.
func worth(r *Row) time.Duration {
	switch r.Kind {
	case Omitted:
		return 0
	case Failure:
		return time.Hour
	case Block:
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

// omit replaces the rows that are not kept.
func omit(rows []*Row, keep map[*Row]bool) []*Row {
	var kept []*Row
	var gap *Row
	for _, r := range rows {
		if keep[r] {
			if gap != nil {
				kept, gap = append(kept, gap.sum()), nil
			}
			kept = append(kept, r)
			continue
		}
		if gap == nil {
			gap = &Row{Kind: Omitted, At: r.At, From: None, To: None, seq: r.seq, op: -1}
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

// sum names what is missing.
func (r *Row) sum() *Row {
	var parts []string
	count := func(what string, kinds ...Kind) {
		n := 0
		for _, k := range kinds {
			n += r.lost[k]
		}
		if n > 0 {
			parts = append(parts, counted(n, what))
		}
	}
	count("message", Message, Sent, Got)
	count("call", Call)
	count("block", Block)
	count("goroutine", Spawn)
	count("failure", Failure)
	count("step", Step)
	if len(parts) == 0 {
		parts = append(parts, counted(r.Count, "row"))
	}
	r.Name = "… " + strings.Join(parts, ", ")
	return r
}

// onlyBlocked returns the rows of what blocked for long enough, and their
// context.
func (b *builder) onlyBlocked() []*Row {
	rows := b.d.Rows
	keep := make(map[*Row]bool)
	rowOf := make(map[int]*Row) // of a span, by Seq: the first
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
	lanes := func(r *Row, f func(lane int)) {
		for _, l := range []int{r.From, r.To} {
			if l != None {
				f(l)
			}
		}
	}
	for _, r := range rows {
		lanes(r, func(l int) {
			if open[l] && r.Kind != Wake {
				keep[r], open[l] = true, false
			}
		})
		if r.Kind == Block && (r.Blocked >= b.cfg.atLeast || r.Until == nil) {
			blocks++
			keep[r] = true
			if last[r.To] != nil {
				keep[last[r.To]] = true
			}
			if op := rowOf[r.op]; op != nil {
				keep[op] = true
			}
			if w := r.Until; w != nil {
				keep[w] = true
				for _, s := range w.Spans {
					if by := cause(s); by != nil && rowOf[by.Seq] != nil {
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
	for _, r := range rows {
		if keep[r] && r.Until != nil {
			keep[r.Until] = true
		}
		if keep[r] && r.Kind == Wake && r.block != nil {
			keep[r.block] = true
		}
	}
	if blocks == 0 {
		b.d.Notes = append(b.d.Notes, fmt.Sprintf("nothing was blocked for %s", human(b.cfg.atLeast)))
	}
	return omit(rows, keep)
}
