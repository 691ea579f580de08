package op

import (
	"context"
	"time"

	oteltrace "go.opentelemetry.io/otel/trace"
)

// Stalls reports whether a block that lasted d makes of an operation that is to be
// folded one that has a span of its own. idle says that the operation waited for what
// it is about to begin ([ShowFailed]). It is called with the record's lock held, and
// only compares.
type Stalls func(idle bool, block *Edge, d time.Duration) bool

// folding is what a record has of an operation that is to be folded: one of many alike,
// which whoever starts them tells together as long as they come to nothing.
type folding struct {
	stalls  Stalls // nil: it is not to be folded
	show    Show   // at its start
	stopped bool   // it has come to something

	last    *[2]Edge      // the last block and its wake, of which sinks are told if it comes to something; memory
	kept    bool          // there is one
	latest  bool          // and it was the last block of all
	dropped int           // blocks before that one, which no sink has seen
	idle    time.Duration // in all
	idles   int           // blocks of it
	began   time.Duration // when it was idle last

	standIn    oteltrace.Span // of those that are told together; nil: none has begun
	adopt      bool           // it becomes the operation's own, if that comes to something
	standInCtx context.Context
}

// fresh makes x that of the next operation.
func (x *folding) fresh() {
	if x.kept {
		*x.last = [2]Edge{}
	}
	*x = folding{stalls: x.stalls, show: x.show, last: x.last}
}

// withhold keeps the block in progress, which w ends, from sinks that make spans, and
// tells the others. It reports false where all are to be told. The lock is held.
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

// tellAll has sinks told of all blocks from now on, and of the last one. The lock is
// held.
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

// Folds reports whether the operation can be folded, as far as it has come.
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

// Unfold says that the operation is told by itself, if it was to be folded.
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

// A Folded is what an operation came to that was folded.
type Folded struct {
	Start         time.Time
	Took          time.Duration
	Blocks, Idles int // the latter of those that were idle
	Blocked, Idle time.Duration

	Next Ref // for [Ref.Again] or [Ref.Drop]; not valid: the memory is not free
	rest *Record
}

// End is when the operation ended.
func (x *Folded) End() time.Time { return x.Start.Add(x.Took) }

// Fold ends the operation, of which sinks that make spans are told nothing, unless it
// has come to something or took longer than limit beside being idle: then it does
// nothing and reports false. If x.Next is not valid, [Folded.Settle] must follow. No
// sink runs.
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
	if r.running || r.pending() {
		x.Next, x.rest = Ref{}, r
	} else {
		x.Next = Ref{r, r.gen}
	}
	return true
}

// Settle tells the other sinks what they are still to be told.
func (x *Folded) Settle() {
	if r := x.rest; r != nil {
		x.rest = nil
		r.mu.Lock()
		r.drain()
	}
}

// Again begins the next operation now, in the same context as the one that f is what
// [Folded.Next] was of. Nobody else has f.
func (f Ref) Reuse() Ref {
	r := f.r
	r.mu.Lock()
	defer r.mu.Unlock()
	r.gen++
	r.Start = r.Start.Add(time.Since(r.Start))
	r.state, r.show, r.held = running, r.fold.show, true
	r.last, r.blocks, r.blocked, r.woken, r.block = 0, 0, 0, false, Edge{}
	r.fold.fresh()
	return Ref{r, r.gen}
}

// Drop gives back the memory, of which f is what [Folded.Next] was. The zero Ref has
// none.
func (f Ref) Drop() {
	if f.r != nil {
		f.r.Free()
	}
}

// Stand has span stand for the operation's span as long as it has none; nil: none does.
// If adopt is true, and the operation comes to have one, it is that.
func (f Ref) SetStandIn(span oteltrace.Span, adopt bool) {
	if r := f.lock(); r != nil {
		r.fold.standIn, r.fold.adopt, r.fold.standInCtx = span, adopt, nil
		r.mu.Unlock()
	}
}

// Adopted returns the span that has begun already for the operation; nil: none has.
func (r *Record) Adopted() oteltrace.Span {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fold.adopt {
		return r.fold.standIn
	}
	return nil
}

// Place is where an operation belongs.
type Place struct {
	Context context.Context
	Links   []oteltrace.Link
	Budget  *Budget
	Start   time.Time // of the operation
	Began   time.Time // when it ceased to be idle, or Start
}

// Place returns where the operation belongs, and false for a stale Ref.
func (f Ref) Place() (p Place, ok bool) {
	r := f.lock()
	if r == nil {
		return p, false
	}
	defer r.mu.Unlock()
	return Place{r.Context, r.Links, r.Budget, r.Start, r.Start.Add(r.fold.began)}, true
}
