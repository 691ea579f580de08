package sequence

import (
	"cmp"
	"slices"
	"time"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
)

// draw makes the rows of all items, from the roots down. It uses a stack of its own,
// because untrusted traces may be arbitrarily deep.
func (b *builder) draw() {
	stack := b.shapes.fold(b.shown(b.chain.Roots))
	var all []item
	var encloses []bool
	for len(stack) > 0 {
		it := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		for _, s := range it.spans {
			b.items[s.Seq] = len(all)
		}
		below := b.shapes.below(it)
		all, encloses = append(all, it), append(encloses, len(below) > 0)
		stack = append(stack, below...)
	}
	for i, it := range all {
		b.item(it, encloses[i])
	}
	b.joinLoops(all)
}

// joinLoops joins loops that exchange messages into one.
func (b *builder) joinLoops(items []item) {
	joined := make(map[*Loop]*Loop)
	find := func(l *Loop) *Loop {
		for joined[l] != nil {
			l = joined[l]
		}
		return l
	}
	for _, r := range b.d.Rows {
		if r.Kind != Message || r.Loop == nil {
			continue
		}
		if from := items[b.items[r.counted[0].Seq]].loop; from != nil {
			if x, y := find(from), find(r.Loop); x != y {
				x.Rounds = max(x.Rounds, y.Rounds)
				joined[y] = x
			}
		}
	}
	for _, r := range b.d.Rows {
		if r.Loop != nil {
			r.Loop = find(r.Loop)
		}
	}
}

// item makes the rows of an item.
func (b *builder) item(it item, encloses bool) {
	first := it.spans[0]
	blocks := b.blocks(it)
	named := false // a row other than the blocks' names the item
	from := len(b.d.Rows)
	_, stalled := first.Stalled()
	switch {
	case stalled:
		b.stalled(it)
		return
	case launch(first):
		b.spawn(it)
		named = true
	case b.calls(first):
		b.call(it)
		named = true
	default:
		named = b.messages(it, blocks)
		if !named && (len(blocks) == 0 || encloses) {
			b.step(it, encloses)
			named = true
		}
	}
	for _, r := range blocks {
		if !named && r.Kind == Block {
			r.Name = short(first.Name) + " · " + r.Name
		}
	}
	blocks = slices.DeleteFunc(blocks, func(r *Row) bool { return r.Kind == Omitted })
	b.d.Rows = append(b.d.Rows, blocks...)
	if first.Failed() && !launch(first) && !b.calls(first) && (len(blocks) > 0 || encloses) {
		b.fail(it, b.d.Rows[from:])
	}
	if rows := b.d.Rows[from:]; len(rows) > 0 && len(it.spans) == 1 {
		rows[0].Details = append(rows[0].Details, history(first)...)
	}
	for _, r := range b.d.Rows[from:] {
		r.Loop = it.loop
	}
}

// row returns a row on the lifeline of the spans, with the details that are not empty.
func (b *builder) row(kind Kind, spans []*chain.Span, details ...string) *Row {
	first := spans[0]
	r := &Row{
		Kind: kind, At: b.at(first.Start), From: None, To: b.lanes[first.Seq],
		Name: short(first.Name), Count: len(spans), Failed: first.Failed(),
		Spans: spans, seq: first.Seq, op: -1,
	}
	for _, s := range spans {
		r.End = max(r.End, b.ended(s))
	}
	n := 0
	for _, d := range details {
		if d != "" {
			n++
		}
	}
	if n == 0 {
		return r
	}
	r.Details = make([]string, 0, n+1) // most callers add one
	for _, d := range details {
		if d != "" {
			r.Details = append(r.Details, d)
		}
	}
	return r
}

func (b *builder) add(r *Row) { b.d.Rows = append(b.d.Rows, r) }

// spawn draws the start of goroutines, and their ends.
func (b *builder) spawn(it item) {
	first := it.spans[0]
	r := b.row(Step, it.spans)
	r.Name = "go " + r.Name
	if p := first.Parent; p != nil && b.arrow(p, first) && b.procs[p.Seq] == b.procs[first.Seq] {
		r.Kind, r.From, r.Proven = Spawn, b.lanes[p.Seq], true
	} else if b.arrow(p, first) {
		r.Kind, r.From, r.Proven = Call, b.lanes[p.Seq], true
	}
	b.add(r)
	var lives []*chain.Span
	for _, s := range it.spans {
		if life := s.Life(); life != nil {
			lives = append(lives, life)
		}
	}
	if len(lives) == 0 {
		return
	}
	var blocked, longest time.Duration
	for _, s := range it.spans {
		if life := s.Life(); life != nil {
			blocked = chain.Sum(blocked, s.Blocked())
			longest = max(longest, s.Lived())
			b.d.Active = append(b.d.Active, Activity{r.To, b.at(s.Start), b.ended(life)})
		}
	}
	last := slices.MaxFunc(lives, func(x, y *chain.Span) int { return x.End.Compare(y.End) })
	end := b.row(End, lives, short(last.Str(semconv.GoroutineStateKey)), failure(last))
	end.At, end.seq, end.To = b.ended(last), last.Seq, r.To
	end.Failed, r.Failed = last.Failed(), false // the goroutine's end shows it
	if len(lives) == 1 {
		end.Details = append(end.Details, "lived "+human(longest))
	} else {
		end.Details = append(end.Details, "lived up to "+human(longest))
	}
	if blocked > 0 {
		end.Details = append(end.Details, "blocked "+human(blocked))
	}
	b.add(end)
}

// calls reports whether the span is drawn as an arrow from its parent, which is in another
// process.
func (b *builder) calls(s *chain.Span) bool {
	p := s.Parent
	return p != nil && b.procs[p.Seq] != b.procs[s.Seq] && b.arrow(p, s)
}

// call draws a request and its response.
func (b *builder) call(it item) {
	first := it.spans[0]
	r := b.row(Call, it.spans, target(first))
	r.From, r.Proven = b.lanes[first.Parent.Seq], true
	status := short(first.Str(semconv.HTTPResponseStatusCodeKey))
	check := short(first.Str(semconv.WebSocketHandshakeCheckKey))
	if check != "" {
		check = "refused: " + check
	}
	b.add(r)
	if !b.answered(first) {
		return
	}
	back := b.row(Return, it.spans, check, failure(first), human(first.Duration()))
	back.From, back.To, back.Proven = r.To, r.From, true
	back.At, back.Name = b.ended(first), cmp.Or(status, "done")
	if end := b.ended(first.Parent); !first.Parent.End.IsZero() {
		back.At = min(back.At, end) // the client received it by then
	}
	r.Failed = false // the response shows it
	b.add(back)
	if len(it.spans) == 1 {
		b.d.Active = append(b.d.Active, Activity{r.To, r.At, back.At})
	}
}

// answered reports whether an answer went back to the caller: the parent is a client's span
// that did not fail, or it did not end before s.
func (b *builder) answered(s *chain.Span) bool {
	p := s.Parent
	switch {
	case s.Kind == oteltrace.SpanKindConsumer || s.End.IsZero():
		return false
	case p.Kind == oteltrace.SpanKindClient && s.Kind == oteltrace.SpanKindServer && !p.Failed():
		return true
	default:
		return p.End.IsZero() || !s.End.After(p.End)
	}
}

// step draws an event on one lifeline.
func (b *builder) step(it item, encloses bool) {
	first := it.spans[0]
	r := b.row(Step, it.spans, took(it.spans), target(first))
	if first.Is(semconv.SpanSegment) {
		r.Details = nil // a segment has no duration
	}
	if !encloses {
		r.Details = append(r.Details, failures(first)...)
	}
	b.add(r)
	if encloses && len(it.spans) == 1 && !first.End.IsZero() {
		b.d.Active = append(b.d.Active, Activity{r.To, r.At, r.End})
	}
}

// fail draws the end of an operation that failed after other rows of its own. Those then do
// not show the failure.
func (b *builder) fail(it item, rows []*Row) {
	first := it.spans[0]
	why := failure(first)
	for _, r := range rows {
		r.Failed = false
		r.Details = slices.DeleteFunc(r.Details, func(d string) bool { return d == why })
	}
	r := b.row(Failure, it.spans, failures(first)...)
	r.At, r.op = b.ended(first), first.Seq
	b.add(r)
}
