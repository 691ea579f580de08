package sequence

import (
	"cmp"
	"slices"
	"time"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
)

// builder makes the lifelines and rows of a diagram. Its slices of the spans are indexed by
// Span.Seq.
type builder struct {
	d     *Diagram
	cfg   config
	chain *chain.Chain
	start time.Time

	procs   []int32                   // the process's number
	sharing map[lane]int              // how many goroutines or connections share a lifeline by name
	absent  map[*chain.Connection]int // the lifeline of a connection's peer that is not in the chain
	folded  map[int32]int             // for each process, how many names of goroutines share one lifeline
	lanes   []int                     // the span's lifeline, or None if the filters hide it
	sources []*chain.Span             // the write that a read without a link received
	matched []bool                    // an arrow to another lifeline's span begins at this one
	lives   []bool                    // it is the rest of a goroutine, which the rows of the goroutine's span show

	shapes *shapes
	items  []int // the item that shows the span
}

func newBuilder(d *Diagram) *builder {
	n := d.chain.Len()
	return &builder{
		d: d, cfg: d.cfg, chain: d.chain, start: d.Start,
		procs: make([]int32, n), lanes: make([]int, n), matched: make([]bool, n), sources: make([]*chain.Span, n),
		lives: make([]bool, n), items: make([]int, n),
	}
}

func (b *builder) build() {
	b.findProcesses()
	b.findLives()
	b.layLifelines()
	b.match()
	b.findSources()
	b.shapes = newShapes(b)
	b.draw()
	sortRows(b.d.Rows)
	slices.SortStableFunc(b.d.Active, func(x, y Activity) int { return cmp.Compare(x.Start, y.Start) })
	if b.cfg.blocked {
		b.d.Rows = b.onlyBlocked()
	}
	b.dropEmpty()
}

// sortRows sorts rows by time, then by their spans' order, and is stable. It sorts copies
// of the keys, which is faster than sorting by reference.
func sortRows(rows []*Row) {
	type key struct {
		at      time.Duration
		seq, in int32
		row     *Row
	}
	keys := make([]key, len(rows))
	for i, r := range rows {
		keys[i] = key{r.At, int32(r.seq), int32(i), r}
	}
	slices.SortFunc(keys, func(x, y key) int {
		return cmp.Or(cmp.Compare(x.at, y.at), cmp.Compare(x.seq, y.seq), cmp.Compare(x.in, y.in))
	})
	for i := range keys {
		rows[i] = keys[i].row
	}
}

func (b *builder) findProcesses() {
	numbers := make(map[string]int32)
	var last *chain.Span
	for _, s := range b.chain.Spans {
		// Spans of one resource share its attributes.
		if last != nil && last.Service == s.Service && len(s.Resource) > 0 && len(last.Resource) == len(s.Resource) &&
			&last.Resource[0] == &s.Resource[0] {
			b.procs[s.Seq] = b.procs[last.Seq]
			continue
		}
		p := s.Process()
		if _, ok := numbers[p]; !ok {
			numbers[p] = int32(len(numbers))
		}
		b.procs[s.Seq] = numbers[p]
		last = s
	}
}

func (b *builder) findLives() {
	for _, s := range b.chain.Spans {
		if rest := s.Rest(); rest != nil {
			b.lives[rest.Seq] = true
		}
	}
}

// launch reports whether the span is the start of a goroutine.
func launch(s *chain.Span) bool { return s.IsGoroutine() }

// tile reports whether the span is a block or wake of an operation, and not another
// library's span of that name.
func tile(s *chain.Span) bool {
	if !s.Is(semconv.SpanBlock) && !s.Is(semconv.SpanWake) || s.Parent == nil || len(s.Children) > 0 {
		return false
	}
	return s.Scope == trace.ScopeName || s.Str(semconv.BlockReasonKey) != "" || s.Str(semconv.WakeReasonKey) != ""
}

// match finds the spans at which an arrow begins.
func (b *builder) match() {
	for _, s := range b.chain.Spans {
		if _, stalled := s.Stalled(); stalled || tile(s) || b.lanes[s.Seq] == None {
			continue
		}
		for _, from := range b.links(s) {
			b.matched[from.Seq] = b.matched[from.Seq] || !b.late(from, s)
		}
	}
}

// arrow reports whether a link between the two is an arrow between lifelines.
func (b *builder) arrow(from, to *chain.Span) bool {
	return from != nil && b.lanes[from.Seq] != None && b.lanes[to.Seq] != b.lanes[from.Seq]
}

// links returns the spans of other lifelines that the span links to, if they are drawn as
// arrows.
func (b *builder) links(s *chain.Span) []*chain.Span {
	if s.IsGoroutine() || s.Parent != nil && s.Parent.Rest() == s {
		return nil // to its own operations
	}
	var from []*chain.Span
	for i, l := range s.Links {
		if i == maxLinks {
			break
		}
		if b.arrow(l.Span, s) && !(s.GoesOn() && begins(l.Span)) {
			from = append(from, l.Span)
		}
	}
	return from
}

// begins reports whether a link to the span only means continuation, and no message.
func begins(s *chain.Span) bool {
	return launch(s) || s.Is(semconv.SpanHandshake) || s.Is(semconv.SpanSegment)
}

// late reports whether a message was read so long after it was written that it is not drawn
// as one arrow. Then the read has a row at its own time.
func (b *builder) late(write, read *chain.Span) bool {
	return read.IsRead() && write.IsWrite() && b.after(read, write) >= late
}

// late is the time from which a message on its way is not drawn as one arrow.
const late = 250 * time.Millisecond

// at returns a time as the duration since the start of the chain.
func (b *builder) at(t time.Time) time.Duration {
	if t.IsZero() {
		return 0
	}
	return max(t.Sub(b.start), 0)
}

// ended returns when the span ended or, if it did not, when it began.
func (b *builder) ended(s *chain.Span) time.Duration {
	return max(b.at(s.End), b.at(s.Start))
}

// dropEmpty removes the lifelines that have no rows.
func (b *builder) dropEmpty() {
	used := make([]bool, len(b.d.Lifelines))
	for _, r := range b.d.Rows {
		for _, l := range []int{r.From, r.To} {
			if l != None {
				used[l] = true
			}
		}
	}
	places := make([]int, len(used))
	var kept []Lifeline
	for i, l := range b.d.Lifelines {
		places[i] = None
		if used[i] {
			places[i] = len(kept)
			kept = append(kept, l)
		}
	}
	place := func(l int) int {
		if l == None {
			return None
		}
		return places[l]
	}
	for _, r := range b.d.Rows {
		r.From, r.To = place(r.From), place(r.To)
	}
	active := b.d.Active[:0]
	for _, a := range b.d.Active {
		if a.Lifeline = place(a.Lifeline); a.Lifeline != None {
			active = append(active, a)
		}
	}
	b.d.Lifelines, b.d.Active = kept, active
}
