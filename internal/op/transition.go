package op

import (
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"

	oteltrace "go.opentelemetry.io/otel/trace"
)

// Block records that the goroutine is about to park, at t or, if that is zero, now. It
// does nothing if the operation is already blocked. It runs no sink: it may be called
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

// Unblock reverts [Ref.Block]: the goroutine did not park after all. It does nothing if
// no block is in progress.
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

// Wake records that the goroutine runs again, since t or, if that is zero, now, with
// evidence about the block. It does nothing if no block is in progress.
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

// Wants reports whether a sink uses the evidence of a block that lasted d.
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

// addEvidence adds evidence to the block in progress. It copies nothing if the evidence
// repeats what is known.
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

// endBlock counts the block that w ends.
func (r *Record) endBlock(f Ref, w *Edge) {
	r.blocks++
	r.blocked += w.At - r.block.At
	if r.Owner != nil {
		r.Owner.Unparked(f, r.block.Reason, r.Start.Add(r.block.At), r.Start.Add(w.At))
	}
}

// WokenBy sets the cause of the latest wake, if that is known only afterwards: a reader
// is woken first, and then finds the sender in what it read. Only the first call after
// a wake counts; an invalid span context says that the cause is not known. A wake that
// already has a cause keeps it.
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

// NameWake sets the cause of the latest wake, if that has the given reason and no
// cause, and no sink has seen it.
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

// Link links the operation to a span that caused it. An invalid span context is
// ignored.
func (f Ref) Link(to oteltrace.SpanContext) {
	if !to.IsValid() {
		return
	}
	if r := f.lockDescribed(); r != nil {
		r.next(onLink).by = to
		r.deliver()
	}
}

// SetAttributes adds attributes to the operation's span. The slice is kept.
func (f Ref) SetAttributes(attrs []attribute.KeyValue) {
	if r := f.lockDescribed(); r != nil {
		r.next(onAttributes).attrs = attrs
		r.deliver()
	}
}

// lockDescribed is lock for an operation that gets a description beside its edges, and
// so is not folded. It returns nil as well if no sink is a [Describer].
func (f Ref) lockDescribed() *Record {
	r := f.lock()
	switch {
	case r == nil:
		return nil
	case !r.describes():
		r.mu.Unlock()
		return nil
	}
	r.stopFolding()
	return r
}

// describes reports whether a sink is a [Describer]. The lock is held.
func (r *Record) describes() bool {
	for _, s := range r.sinks {
		if _, ok := s.(Describer); ok {
			return true
		}
	}
	return false
}

// End ends the operation, and sets e.Time to when. A block in progress ends with it. The
// first End counts; another one does nothing.
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
	e.Time = r.Start.Add(at)
	r.deliver()
}

// edge returns the time of an edge: t or, if that is zero, now. A time before the last
// edge counts as that edge. The lock is held.
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

// Tick is the least time between two edges. A coarse clock may return the same time
// twice, and backends warn about spans without duration. It is 0 in a testing/synctest
// bubble, whose clock is exact.
func Tick(start time.Time) time.Duration {
	if start.Before(epoch) {
		return 0
	}
	return 1
}

// epoch is some years after the first day of testing/synctest's clock. No real clock is
// before it.
var epoch = time.Date(2010, 1, 1, 0, 0, 0, 0, time.UTC)
