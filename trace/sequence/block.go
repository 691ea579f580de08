package sequence

import (
	"cmp"
	"slices"
	"time"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
)

// pause is a block, and the wake that ended it, or nil if the chain has none.
type pause struct{ block, wake *chain.Span }

// maxPauses is the maximum number of blocks of one operation that have rows of their own.
const maxPauses = 3

// blocks returns the rows of the blocks and wakes of an item: one row for each if they are
// few and of one operation, else one row for all equal ones.
func (b *builder) blocks(it item) []*Row {
	type class struct {
		reason, cause, woken string
		on                   string // the name that the program gave to what it waits for
		by                   int    // the lifeline of the waker
		over                 bool
	}
	var order []class
	groups := make(map[class][]pause)
	all := 0
	for _, s := range it.spans {
		for _, c := range s.Children {
			if !c.Is(semconv.SpanBlock) || !tile(c) || b.lanes[c.Seq] == None {
				continue
			}
			p := pause{block: c, wake: c.Wake()}
			if p.wake != nil && b.lanes[p.wake.Seq] == None {
				p.wake = nil // the filters hide it; the block is over at its own end
			}
			k := class{reason: c.Str(semconv.BlockReasonKey), cause: c.Str(semconv.BlockCauseKey), on: s.Str(semconv.SyncNameKey), by: None, over: !c.End.IsZero()}
			if p.wake != nil {
				k.woken = p.wake.Str(semconv.WakeReasonKey)
				if by := p.wake.Waker(); by != nil {
					k.by = b.lanes[by.Seq]
				}
			}
			if groups[k] == nil {
				order = append(order, k)
			}
			groups[k] = append(groups[k], p)
			all++
		}
	}
	var rows []*Row
	for _, k := range order {
		pauses := groups[k]
		if len(it.spans) > 1 || all > maxPauses {
			rows = append(rows, b.pause(pauses, it)...)
			continue
		}
		for i := range pauses {
			rows = append(rows, b.pause(pauses[i:i+1], it)...)
		}
	}
	return rows
}

// pause returns the rows of equal blocks: the block, and the wake.
func (b *builder) pause(pauses []pause, it item) []*Row {
	var blocks, wakes []*chain.Span
	var total, longest time.Duration
	for _, p := range pauses {
		blocks = append(blocks, p.block)
		total, longest = chain.Sum(total, p.block.Duration()), max(longest, p.block.Duration())
		if p.block.End.IsZero() {
			longest = notOver
		}
		if p.wake != nil {
			wakes = append(wakes, p.wake)
		}
	}
	block := blocks[0]
	reason := block.Str(semconv.BlockReasonKey)
	waits := short(reason)
	if on := it.spans[0].Str(semconv.SyncNameKey); on != "" {
		waits += " " + short(on)
	}
	r := b.row(Block, blocks, waits, short(block.Str(semconv.BlockCauseKey)), source(block))
	r.Name, r.Reason, r.Blocked, r.longest, r.op = "blocked "+human(total), reason, total, longest, it.spans[0].Seq
	if reason == string(semconv.ReasonSleep) && it.spans[0].Name == semconv.SpanSleep {
		r.Details = nil // the name is enough
	}
	switch { // for about equal blocks the longest is not interesting
	case longest == notOver:
		r.Name = "blocked, not ended"
	case longest/2 > total/time.Duration(len(blocks)):
		r.Details = slices.Insert(r.Details, 0, "up to "+human(longest))
	}
	if len(wakes) == 0 {
		return []*Row{r}
	}
	first := wakes[0]
	if len(blocks) > 1 {
		// Many wakes share the block's row, unless they have an arrow from elsewhere.
		w := b.row(Wake, wakes)
		if b.waker(w, first, it.spans[0]); w.From == None {
			r.Details = append(r.Details, "woken: "+cmp.Or(short(first.Str(semconv.WakeReasonKey)), "reason not known"))
			r.Spans = inOrder(slices.Concat(blocks, wakes))
			r.counted = blocks
			return []*Row{r}
		}
	}
	w := b.row(Wake, wakes)
	w.At, w.Name, w.op = b.at(first.Start), "wake", r.op
	w.Details = append(w.Details, cmp.Or(short(first.Str(semconv.WakeReasonKey)), "reason not known"))
	if why := first.Str(semconv.WakeCauseKey); why != "" {
		w.Details = append(w.Details, short(why))
	}
	w.seq = first.Seq
	b.waker(w, first, it.spans[0])
	if w.block, r.wake = r, w; len(blocks) == 1 {
		r.Until = w
	}
	return []*Row{r, w}
}

// source returns how the block was observed, or "" if by the poller.
func source(block *chain.Span) string {
	if s := block.Str(semconv.BlockSourceKey); s != "" && s != string(semconv.SourcePoll) {
		return short(s)
	}
	return ""
}

// waker sets where the arrow of a wake begins: at the span that it links to or, if only its
// reason names the peer, at the peer's lifeline.
func (b *builder) waker(r *Row, wake, op *chain.Span) {
	by := wake.Waker()
	switch reason := semconv.WakeReason(wake.Str(semconv.WakeReasonKey)); {
	case by != nil && b.lanes[by.Seq] != None:
		r.Proven = true
		r.Details = append(r.Details, "by "+short(by.Name))
		if b.lanes[by.Seq] != r.To {
			r.From = b.lanes[by.Seq]
		}
	case by != nil:
		r.Details = append(r.Details, "by "+short(by.String()))
	case reason == semconv.WakePeerRead || reason == semconv.WakePeerClosed || reason == semconv.WakePeerReset:
		r.From = b.wakes(op)
	}
}
