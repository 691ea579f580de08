package op

import (
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"

	oteltrace "go.opentelemetry.io/otel/trace"
)

// Block notes that the goroutine is about to park, at t or, if that is zero, now. An
// operation that is blocked already stays in its block. No sink runs: it may be called
// in the callback of the runtime's poller.
func (f Ref) Block(t time.Time, e Edge) {
	r := f.lock()
	if r == nil {
		return
	}
	defer r.mu.Unlock()
	if r.state != running {
		return
	}
	r.state = blocked
	e.At = r.edge(t)
	r.block = e
	r.deliverInTime(f)
	if r.Owner != nil {
		r.Owner.Parked(f, r, e.Reason, r.Start.Add(e.At))
	}
}

// Unblock takes [Ref.Block] back: the goroutine did not park after all. It does nothing
// where no block is in progress.
func (f Ref) Unblock() {
	r := f.lock()
	if r == nil {
		return
	}
	defer r.mu.Unlock()
	if r.state != blocked {
		return
	}
	r.state = running
	if r.Owner != nil {
		r.Owner.Unparked(f, r.block.Reason, r.Start.Add(r.block.At), time.Time{})
	}
}

// Wake says that the goroutine runs again, since t or, if that is zero, now, and what
// was found out about the block. It does nothing where no block is in progress.
func (f Ref) Wake(t time.Time, w Edge, about []attribute.KeyValue) {
	r := f.lock()
	if r == nil {
		return
	}
	if r.state != blocked {
		r.mu.Unlock()
		return
	}
	w.At = r.edge(t)
	r.state, r.woken = running, true
	r.addEvidence(about)
	r.endBlock(f, &w)
	if !r.withhold(&w) {
		e := r.next(onWake)
		e.block, e.wake = r.block, w
		e.block.Show = r.shown()
	}
	r.deliver()
}

// Wants reports whether evidence of a block that lasted d is of use to a sink.
func (f Ref) Wants(d time.Duration) bool {
	r := f.lock()
	if r == nil {
		return false
	}
	defer r.mu.Unlock()
	show := r.show
	if r.fold.stalls != nil && (r.fold.stopped || r.fold.stalls(show > ShowBlocked, &r.block, d)) {
		show = min(show, ShowBlocked)
	}
	for _, s := range r.sinks {
		if least := s.Wants(show, r.span != nil); least >= 0 && d >= least {
			return true
		}
	}
	return false
}

// learn adds what was found out to the block in progress. It copies nothing where
// that begins with what is known.
func (r *Record) addEvidence(about []attribute.KeyValue) {
	b := &r.block
	switch more := slices.Clip(about); {
	case len(more) == 0:
	case len(b.Attrs) == 0, len(b.Attrs) == 1 && b.Attrs[0].Key == more[0].Key:
		b.Attrs = more
	default:
		b.Attrs = append(slices.Clip(b.Attrs), more...)
	}
}

// unblocked counts the block that w ends.
func (r *Record) endBlock(f Ref, w *Edge) {
	r.blocks++
	r.blocked += w.At - r.block.At
	if r.Owner != nil {
		r.Owner.Unparked(f, r.block.Reason, r.Start.Add(r.block.At), r.Start.Add(w.At))
	}
}

// WokenBy names the cause of the latest wake, if that is known only afterwards: a
// reader is woken first, and then finds in what it read who sent it. Only the first
// call after a wake counts; an invalid span context says that the cause is not known. A
// wake that already has a cause keeps it.
func (f Ref) WokenBy(by oteltrace.SpanContext) {
	r := f.lock()
	if r == nil {
		return
	}
	if r.state != running || !r.woken || !r.describes() {
		r.mu.Unlock()
		return
	}
	r.woken = false
	if x := &r.fold; x.stalls != nil && !x.stopped {
		if x.latest && !x.last[1].By.IsValid() {
			x.last[1].By = by
		}
		r.mu.Unlock()
		return
	}
	if w := r.lastPending(); w != nil && w.kind == onWake {
		w.named = true
		if !w.wake.By.IsValid() {
			w.wake.By = by
		}
	} else {
		r.next(onWokenBy).by = by
	}
	r.deliver()
}

// NameWake names what the latest wake is due to, if no sink knows of it yet, its reason
// is the given one, and nothing is known.
func (f Ref) NameWake(reason string, by oteltrace.SpanContext) {
	r := f.lock()
	if r == nil {
		return
	}
	defer r.mu.Unlock()
	if x := &r.fold; x.latest && !x.stopped && x.last[1].Reason == reason && !x.last[1].By.IsValid() {
		x.last[1].By = by
		return
	}
	if w := r.lastPending(); w != nil && w.kind == onWake && w.wake.Reason == reason && !w.wake.By.IsValid() {
		w.wake.By = by
	}
}

// Link links the operation to the span that it is due to. An invalid span context is
// ignored.
func (f Ref) Link(to oteltrace.SpanContext) {
	if !to.IsValid() {
		return
	}
	r := f.lock()
	if r == nil {
		return
	}
	if !r.describes() {
		r.mu.Unlock()
		return
	}
	r.stopFolding()
	r.next(onLink).by = to
	r.deliver()
}

// SetAttributes adds attributes to what is shown of the operation. The slice is kept.
func (f Ref) SetAttributes(attrs []attribute.KeyValue) {
	r := f.lock()
	if r == nil {
		return
	}
	if !r.describes() {
		r.mu.Unlock()
		return
	}
	r.stopFolding()
	r.next(onAttributes).attrs = attrs
	r.deliver()
}

// describes reports whether a sink takes more than edges. The lock is held.
func (r *Record) describes() bool {
	for _, s := range r.sinks {
		if _, ok := s.(Describer); ok {
			return true
		}
	}
	return false
}

// End ends the operation. A block in progress ends with it. The first End counts.
func (f Ref) End(e *End) {
	r := f.lock()
	if r == nil {
		return
	}
	at := r.edge(e.Time)
	if r = r.release(f); r == nil {
		return
	}
	if r.state == blocked {
		w := Edge{At: at}
		r.endBlock(f, &w)
		r.stopFolding()
		ev := r.next(onWake)
		ev.block, ev.wake = r.block, w
		ev.block.Show = r.shown()
	}
	r.stopFolding()
	r.state = ended
	ev := r.next(onEnd)
	ev.end = *e
	ev.end.Suppressed = 2 * r.fold.dropped
	ev.end.At, ev.end.Blocks, ev.end.Blocked = at, r.blocks, r.blocked
	r.deliver()
}

// edge is when something happened: at t or, if that is zero, now. A time before the
// last edge counts as that edge. The lock is held.
func (r *Record) edge(t time.Time) time.Duration {
	var at time.Duration
	if t.IsZero() {
		at = time.Since(r.Start)
	} else {
		at = max(t.Sub(r.Start), 0)
	}
	r.last = max(at, r.last+Tick(r.Start))
	return r.last
}

// Tick is the least time between two edges. A real clock may read the same twice
// where it is coarse, and backends warn of spans without duration; the clock of a
// testing/synctest bubble is exact, and stays so.
func Tick(start time.Time) time.Duration {
	if start.Before(epoch) {
		return 0
	}
	return 1
}

// epoch is the first day of testing/synctest's clock plus some years: no real clock
// is before it.
var epoch = time.Date(2010, 1, 1, 0, 0, 0, 0, time.UTC)
