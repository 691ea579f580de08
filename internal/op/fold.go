package op

import (
	"context"
	"time"

	oteltrace "go.opentelemetry.io/otel/trace"
)

// Stalls reports whether a block that lasted d is a stall, which gives an operation
// that was to be folded a span of its own. idle: the operation waited for its message
// to begin ([ShowFailed]). It is called with the record's lock held, and must only
// compare.
type Stalls func(idle bool, block *Edge, d time.Duration) bool

// folding is the state of an operation that is to be folded: it is one of many similar
// ones that share a span if they neither stall nor fail.
type folding struct {
	stalls  Stalls // nil: do not fold
	show    Show   // at the start
	stopped bool   // it has stalled or failed: it is not folded

	last    *[2]Edge      // the last block and its wake, delivered if folding stops; its memory is kept
	kept    bool          // last is set
	latest  bool          // last is the latest block of all
	dropped int           // blocks before last, which no sink will see
	idle    time.Duration // total idle time
	idles   int           // idle blocks
	began   time.Duration // when it was last idle

	standIn    oteltrace.Span // the shared span; nil: not begun
	adopt      bool           // it becomes the operation's own span if folding stops
	standInCtx context.Context
}

// fresh resets x for the next operation.
func (x *folding) fresh() {
	if x.kept {
		x.last[0].forget()
		x.last[1].forget()
	}
	*x = folding{stalls: x.stalls, show: x.show, last: x.last}
}

// withhold keeps the block in progress, which w ends, from the sinks that make spans,
// and delivers it to the others. It reports false if all sinks are to see it. The lock
// is held.
func (r *Record) withhold(w *Edge) bool {
	x := &r.fold
	if x.stalls == nil || x.stopped {
		return false
	}
	idle, d := r.show > ShowBlocked, w.At-r.block.At
	if idle {
		x.idle, x.idles, x.began = x.idle+d, x.idles+1, w.At
	}
	if r.span != nil || r.below != nil || x.stalls(idle, &r.block, d) {
		r.stopFolding()
		return false
	}
	x.latest = false
	metered := false
	for _, s := range r.sinks {
		if _, ok := s.(Describer); !ok {
			metered = true
		} else if least := s.Wants(ShowBlocked, true); least >= 0 && d >= least {
			if x.latest = true; x.kept {
				x.dropped++
			}
		}
	}
	if x.latest {
		if x.last == nil {
			x.last = new([2]Edge)
		}
		x.last[0], x.last[1], x.kept = r.block, *w, true
	}
	if metered {
		e := r.next(onWake)
		e.block, e.wake, e.audience = r.block, *w, plainSinksOnly
	}
	return true
}

// stopFolding delivers all further blocks and the last one to the sinks that make
// spans. The lock is held.
func (r *Record) stopFolding() {
	x := &r.fold
	if x.stalls == nil || x.stopped {
		return
	}
	x.stopped = true
	if x.kept {
		e := r.next(onWake)
		e.block, e.wake, e.audience = x.last[0], x.last[1], describersOnly
		e.block.Show = ShowBlocked
	}
}

// Folds reports whether the operation can still be folded.
func (f Ref) Folds() bool {
	r := f.lock()
	if r == nil {
		return false
	}
	defer r.mu.Unlock()
	return r.folds()
}

func (r *Record) folds() bool {
	return r.fold.stalls != nil && !r.fold.stopped && r.span == nil && r.below == nil
}

// Unfold gives an operation that was to be folded a span of its own.
func (f Ref) Unfold() {
	r := f.lock()
	if r == nil {
		return
	}
	defer r.mu.Unlock()
	if r.fold.stalls != nil && r.show != ShowNone {
		r.show = ShowAll
		r.stopFolding()
	}
}

// A Folded is the summary of a folded operation.
type Folded struct {
	Start         time.Time
	Took          time.Duration
	Blocks, Idles int // Idles of them are idle
	Blocked, Idle time.Duration

	Next Ref     // for [Ref.Reuse] or [Ref.Drop]; invalid: the memory is in use
	rest *Record // with pending events, for Settle; nil: none
}

// End returns when the operation ended.
func (x *Folded) End() time.Time { return x.Start.Add(x.Took) }

// Fold ends the operation without a span, unless it has stalled or failed, or took
// longer than limit without its idle time: then it does nothing and reports false. If
// x.Next is invalid, [Folded.Settle] must follow. It runs no sink.
func (f Ref) Fold(x *Folded, limit time.Duration) bool {
	r := f.lock()
	if r == nil {
		return false
	}
	defer r.mu.Unlock()
	if !r.folds() || r.state != running {
		return false
	}
	at := r.edge(time.Time{})
	if at-r.fold.idle > limit {
		return false
	}
	x.Start, x.Took, x.Blocks, x.Blocked = r.Start, at, r.blocks, r.blocked
	x.Idle, x.Idles = r.fold.idle, r.fold.idles
	r.state = ended
	r.gen++
	if r.late != nil {
		r.late.Stop()
		r.late = nil
	}
	r.held = false
	x.Next, x.rest = Ref{}, nil
	switch {
	case r.running: // the goroutine that runs the sinks delivers all, and frees the record
	case r.pending():
		x.rest = r
	default:
		x.Next = Ref{r, r.gen}
	}
	return true
}

// Settle delivers the pending events to the other sinks.
func (x *Folded) Settle() {
	if r := x.rest; r != nil {
		x.rest = nil
		r.mu.Lock()
		r.drain()
	}
}

// Reuse begins the next operation now, with the same configuration. f is a
// [Folded.Next] that nothing else uses. Events are held, and standIn, which may be nil,
// is as [Ref.SetStandIn] has it, without adoption.
func (f Ref) Reuse(standIn oteltrace.Span) Ref {
	r := f.r
	r.mu.Lock()
	defer r.mu.Unlock()
	r.gen++
	r.Start = r.Start.Add(time.Since(r.Start))
	r.state, r.show, r.held = running, r.fold.show, true
	r.last, r.blocks, r.blocked, r.woken = 0, 0, 0, false
	r.block.forget()
	r.fold.fresh()
	r.fold.standIn = standIn
	return Ref{r, r.gen}
}

// Drop frees the memory of f, a [Folded.Next] or the zero Ref.
func (f Ref) Drop() {
	if f.r != nil {
		f.r.Free()
	}
}

// SetStandIn sets the span that links name as long as the operation has none; nil:
// none. If adopt, that span becomes the operation's own when folding stops.
func (f Ref) SetStandIn(span oteltrace.Span, adopt bool) {
	if r := f.lock(); r != nil {
		r.fold.standIn, r.fold.adopt, r.fold.standInCtx = span, adopt, nil
		r.mu.Unlock()
	}
}

// Adopted returns the span that has already begun for the operation; nil: none.
func (r *Record) Adopted() oteltrace.Span {
	if r.fold.stalls == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fold.adopt {
		return r.fold.standIn
	}
	return nil
}

// Place is the parent, links and budget of an operation, and when it began.
type Place struct {
	Context context.Context
	Links   []oteltrace.Link
	Budget  *Budget
	Start   time.Time // of the operation
	Began   time.Time // when it was last idle, or Start
}

// Place returns the operation's Place, and false for a stale Ref.
func (f Ref) Place() (p Place, ok bool) {
	r := f.lock()
	if r == nil {
		return p, false
	}
	defer r.mu.Unlock()
	return Place{r.Context, r.Links, r.Budget, r.Start, r.Start.Add(r.fold.began)}, true
}
