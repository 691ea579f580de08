package schedread

import (
	"cmp"
	"slices"
	"time"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
)

// Join returns the waits that were inside spans, below them: give both to chain.New.
// A wait is inside the innermost span that had begun on its goroutine and had not
// ended, as the trace notes (see package trace/sched/annotator). Where a goroutine
// that has none was started inside a span that goes on, its waits are below its
// `go NAME`, and that is below the span.
//
// A block that wakechain itself saw is not told a second time: its own says more. A
// span that began before the trace did, or of which spans does not know, has nothing
// below it; so only what is in spans is joined, such as one trace.
func (t *Trace) Join(spans []chain.Span) []chain.Span {
	known := make(map[ref]*chain.Span, len(spans))
	blocks := make(map[ref][]*chain.Span) // of operations of wakechain
	for i := range spans {
		s := &spans[i]
		known[ref{s.TraceID, s.SpanID}] = s
		if s.Name == semconv.SpanBlock {
			op := ref{s.TraceID, s.ParentID}
			blocks[op] = append(blocks[op], s)
		}
	}
	for _, bs := range blocks {
		slices.SortFunc(bs, func(a, b *chain.Span) int { return a.Start.Compare(b.Start) })
	}
	b := newBuilder(t)
	launched := make(map[int64]bool)
	for _, p := range t.parks {
		s := known[p.in]
		if s == nil || t.seen(p, blocks[p.in]) {
			continue
		}
		below := p.in
		if p.inherited {
			if !launched[p.g.id] {
				launched[p.g.id] = true
				b.launch(p.g, p.in)
			}
			below = ref{p.in.trace, b.launchID(p.g.id)}
		}
		by := p.byIn
		if known[by] == nil {
			by = ref{}
		}
		b.park(p, below, by)
	}
	return b.spans
}

// clockError is how far the trace's times and those of spans may be apart.
const clockError = time.Millisecond

// seen reports whether one of the blocks, which are in the order of time and do not
// overlap, is the park.
func (t *Trace) seen(p *park, blocks []*chain.Span) bool {
	if len(blocks) == 0 {
		return false
	}
	from, to := t.at(p.start), t.at(p.start+p.took(t.end))
	i, _ := slices.BinarySearchFunc(blocks, from.Add(-clockError), func(b *chain.Span, at time.Time) int {
		return cmp.Or(b.End.Compare(at), -1)
	})
	for _, b := range blocks[i:] {
		if b.Start.After(to.Add(clockError)) {
			return false
		}
		if !b.Start.After(from.Add(clockError)) && !b.End.Before(to.Add(-clockError)) {
			return true
		}
	}
	return false
}
