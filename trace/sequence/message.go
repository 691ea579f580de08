package sequence

import (
	"slices"
	"time"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
)

// messages draws the arrows that links prove, and rows for reads and writes without one. It
// reports whether a row names the item.
func (b *builder) messages(it item, blocks []*Row) bool {
	first := it.spans[0]
	var alone []*chain.Span // spans without an arrow
	var order []route
	linked := make(map[route][]*chain.Span)
	for _, s := range it.spans {
		sources := b.links(s)
		if w := b.sources[s.Seq]; w != nil {
			sources = append(sources, w)
		}
		found := false
		for _, w := range sources {
			if b.late(w, s) {
				b.sources[s.Seq] = w
				continue
			}
			r := route{b.lanes[w.Seq], b.items[w.Seq]}
			if linked[r] == nil {
				order = append(order, r)
			}
			linked[r] = append(linked[r], s, w)
			found = true
		}
		if !found && !(first.IsWrite() && b.matched[s.Seq]) {
			alone = append(alone, s)
		}
	}
	for _, r := range order {
		b.message(r.lane, linked[r], blocks)
	}
	switch {
	case first.Scope != trace.ScopeName || !first.IsRead() && !first.IsWrite():
		return len(blocks) == 0 && b.allMatched(it.spans) // the arrow that begins here shows the item
	case len(alone) == 0:
		return true
	case first.IsWrite():
		r := b.row(Sent, alone, messageSize(alone), slow(alone), failure(first))
		r.From, r.To = r.To, b.peer(first)
		b.add(r)
		return true
	default:
		return b.got(alone, len(blocks) > 0)
	}
}

func (b *builder) allMatched(spans []*chain.Span) bool {
	for _, s := range spans {
		if !b.matched[s.Seq] {
			return false
		}
	}
	return true
}

// route is the origin of messages. Those of one item are drawn together.
type route struct{ lane, item int }

// got draws reads without an arrow. If they were blocked, the bar shows how long, and the
// message arrived when it ended.
func (b *builder) got(reads []*chain.Span, blocked bool) bool {
	first := reads[0]
	r := b.row(Got, reads, messageSize(reads), failure(first))
	r.From = b.peer(first)
	if w := b.sources[first.Seq]; w != nil {
		r.From, r.Proven = b.lanes[w.Seq], true
		r.Details = append(r.Details, "sent "+human(b.after(first, w))+" before")
	}
	if blocked && !r.Proven {
		return false // the block shows it
	}
	if !blocked {
		r.Details = append(r.Details, slow(reads))
		r.Details = slices.DeleteFunc(r.Details, func(d string) bool { return d == "" })
	}
	b.add(r)
	return !blocked
}

// message draws the messages from a lifeline to readers. pairs has each reader, followed by
// the span that it links to.
func (b *builder) message(from int, pairs []*chain.Span, blocks []*Row) {
	var readers, writers []*chain.Span
	var late time.Duration
	for i := 0; i < len(pairs); i += 2 {
		readers, writers = append(readers, pairs[i]), append(writers, pairs[i+1])
		late = max(late, b.after(pairs[i], pairs[i+1]))
	}
	size := passed(pairs)
	if size == "" {
		size = messageSize(readers)
	} else { // several reads may share one run
		writers = inOrder(writers)
	}
	first := slices.MinFunc(writers, func(x, y *chain.Span) int { return x.Seq - y.Seq })
	r := b.row(Message, writers, size, failure(first))
	r.Kind, r.From, r.To, r.Proven = Message, from, b.lanes[readers[0].Seq], true
	r.At, r.seq = b.at(first.Start), first.Seq
	r.counted = writers
	r.Spans = inOrder(slices.Concat(writers, readers))
	if late >= notable {
		r.Details = append(r.Details, "received "+human(late)+" later")
	}
	for _, s := range readers {
		r.End = max(r.End, b.ended(s))
	}
	b.add(r)
	// A wake by the same write would repeat the arrow.
	for _, block := range blocks {
		w := block.Until
		if w != nil && w.Proven && w.From == from && w.At >= r.At && block.At <= r.At && b.wokenBy(w, writers) {
			block.Until, block.wake, w.Kind = r, r, Omitted
			r.Details = append(r.Details, "wakes it")
		}
	}
}

// received returns when the span received what it links to: a read at its end, any other
// span at its start.
func (b *builder) received(s *chain.Span) time.Duration {
	if s.IsRead() {
		return b.ended(s)
	}
	return b.at(s.Start)
}

// after returns the time from the end of source until s received it, or a lower bound of
// it. In a run of reads only the time of the last message is known.
func (b *builder) after(s, source *chain.Span) time.Duration {
	at := b.received(s)
	if _, last := s.Indexes(); s.Name == semconv.SpanReads && !source.Has(last) {
		at = b.at(s.Start)
	}
	return at - b.ended(source)
}

// wokenBy reports whether all of a wake row's links are to the writers.
func (b *builder) wokenBy(w *Row, writers []*chain.Span) bool {
	for _, s := range w.Spans {
		if by := s.Waker(); by == nil || !slices.Contains(writers, by) {
			return false
		}
	}
	return true
}

// notable is the shortest time that labels mention.
const notable = time.Millisecond

// inOrder returns the spans in the order of the chain, without duplicates.
func inOrder(spans []*chain.Span) []*chain.Span {
	slices.SortFunc(spans, func(x, y *chain.Span) int { return x.Seq - y.Seq })
	return slices.Compact(spans)
}
