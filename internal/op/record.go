package op

import (
	"context"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"

	oteltrace "go.opentelemetry.io/otel/trace"
)

// Record is one operation: what it began with, and the edges so far. Sinks read what
// is exported; it does not change from Start to the End of the last sink.
type Record struct {
	Name    string
	Start   time.Time
	Context context.Context
	Attrs   []attribute.KeyValue
	Links   []oteltrace.Link
	Root    oteltrace.SpanContext
	Budget  *Budget
	Owner   Owner
	On      any

	// State is the memory of whoever makes spans. It stays with the record's memory
	// when that is used again, and only sinks touch it.
	State any

	mu      sync.Mutex
	gen     uint32
	state   state
	show    Show
	last    time.Duration // the latest edge; edges never go back
	block   Edge          // in progress while blocked
	woken   bool          // and nobody has said yet by whom
	blocks  int
	blocked time.Duration
	sinks   []Sink
	span    oteltrace.Span  // nil: none, or not yet
	below   context.Context // carries the span, or what stands for one that was refused; nil: not made yet
	fold    folding

	running bool        // a sink
	held    bool        // events are kept for later
	late    *time.Timer // delivers them if that takes too long; nil: not set
	current event       // being delivered
	queue   []event     // to be delivered next, from first on
	first   int
}

type state uint8

const (
	running state = iota
	blocked
	ended
)

// Ref is a reference to an operation. The zero Ref and one whose operation has ended
// do nothing. A Ref may be copied, and is safe for concurrent use.
type Ref struct {
	r   *Record
	gen uint32
}

var records = sync.Pool{New: func() any { return new(Record) }}

// New begins an operation at start. No sink knows of it yet.
func New(start time.Time, c *Config) (*Record, Ref) {
	r := records.Get().(*Record)
	r.Name, r.Context, r.Attrs, r.Links, r.Root = c.Name, c.Context, c.Attrs, c.Links, c.Root
	r.Budget, r.Owner, r.On = c.Budget, c.Owner, c.On
	r.mu.Lock() // a stale Ref may look
	defer r.mu.Unlock()
	r.state, r.show, r.sinks, r.held = running, c.Show, c.Sinks, c.Held
	r.fold.stalls, r.fold.show = c.Stalls, c.Show
	r.Start = start
	return r, Ref{r, r.gen}
}

// Free releases the memory of a record that no sink knows, or that has ended. From then
// on Refs to it are stale.
func (r *Record) Free() {
	r.mu.Lock()
	r.free()
}

// free is Free for a caller that holds the lock, which it releases.
func (r *Record) free() {
	r.Name, r.Context, r.Attrs, r.Links, r.Root = "", nil, nil, nil, oteltrace.SpanContext{}
	r.Budget, r.Owner, r.On = nil, nil, nil
	r.gen++
	r.state, r.show, r.last, r.blocks, r.blocked, r.woken = ended, ShowAll, 0, 0, 0, false
	r.block, r.current = Edge{}, event{}
	r.sinks, r.span, r.below = nil, nil, nil
	r.fold.fresh()
	r.fold.stalls = nil
	r.forgetQueue()
	r.mu.Unlock()
	records.Put(r)
}

// lock returns the record with its lock held, or nil for a stale Ref.
func (f Ref) lock() *Record {
	if f.r == nil {
		return nil
	}
	f.r.mu.Lock()
	if f.r.gen != f.gen || f.r.state == ended {
		f.r.mu.Unlock()
		return nil
	}
	return f.r
}

// Valid reports whether the Ref was made for an operation. It does not say whether
// that goes on.
func (f Ref) Valid() bool { return f.r != nil }

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

// Wants reports whether evidence of a block that lasted d is of use to a sink.
func (f Ref) Wants(d time.Duration) bool {
	r := f.lock()
	if r == nil {
		return false
	}
	defer r.mu.Unlock()
	show := r.show
	if r.fold.stalls != nil && (r.fold.over || r.fold.stalls(show > ShowBlocked, &r.block, d)) {
		show = min(show, ShowBlocked)
	}
	for _, s := range r.sinks {
		if least := s.Wants(show, r.span != nil); least >= 0 && d >= least {
			return true
		}
	}
	return false
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
	r.learn(about)
	r.unblocked(f, &w)
	if !r.withhold(&w) {
		e := r.next(onWake)
		e.block, e.wake = r.block, w
		e.block.Show = r.shown()
	}
	r.deliver()
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

// learn adds what was found out to the block in progress. It copies nothing where
// that begins with what is known.
func (r *Record) learn(about []attribute.KeyValue) {
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
func (r *Record) unblocked(f Ref, w *Edge) {
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
	if x := &r.fold; x.stalls != nil && !x.over {
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
	if x := &r.fold; x.latest && !x.over && x.last[1].Reason == reason && !x.last[1].By.IsValid() {
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
	r.tellAll()
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
	r.tellAll()
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
		r.unblocked(f, &w)
		r.tellAll()
		ev := r.next(onWake)
		ev.block, ev.wake = r.block, w
		ev.block.Show = r.shown()
	}
	r.tellAll()
	r.state = ended
	ev := r.next(onEnd)
	ev.end = *e
	ev.end.Left = 2 * r.fold.more
	ev.end.At, ev.end.Blocks, ev.end.Blocked = at, r.blocks, r.blocked
	r.deliver()
}

// Show returns what the operation must come to before it is shown.
func (r *Record) Show() Show {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.show
}

// SetShow changes what the operation must come to from now on. It does nothing to one
// that was started with [ShowAll] or [ShowNone].
func (f Ref) SetShow(s Show) {
	r := f.lock()
	if r == nil {
		return
	}
	defer r.mu.Unlock()
	if r.show != ShowAll && r.show != ShowNone {
		r.show = s
	}
	if r.show == ShowAll {
		r.tellAll()
	}
}

// shown is r.show for a block of which sinks that make spans are told: that of an
// operation that has come to something is shown, even where it was idle.
func (r *Record) shown() Show {
	if r.fold.over {
		return min(r.show, ShowBlocked)
	}
	return r.show
}

// Ref returns the reference to the operation. Only its sinks may call it.
func (r *Record) Ref() Ref { return Ref{r, r.gen} }

// Sinks returns what the operation's edges go to.
func (r *Record) Sinks() []Sink { return r.sinks }

// SetSpan sets the span that a sink has begun for the operation, and the context that
// carries it; nil for one that is made when somebody asks. A nil span is none, with a
// context that says so to what is below.
func (r *Record) SetSpan(span oteltrace.Span, below context.Context) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.span, r.below = span, below
	r.fold.standing = nil
}

// Span returns the operation's span, nil as long as it has none.
func (r *Record) Span() oteltrace.Span {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.span
}

// Below returns the context that carries the operation's span, or the one that it was
// started with as long as it has none.
func (r *Record) Below() context.Context {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.context()
}

func (r *Record) context() context.Context {
	switch {
	case r.below != nil:
		return r.below
	case r.span == nil && r.fold.stand != nil:
		if r.fold.standing == nil {
			r.fold.standing = oteltrace.ContextWithSpan(r.Context, r.fold.stand)
		}
		return r.fold.standing
	case r.span == nil:
		return r.Context
	}
	r.below = oteltrace.ContextWithSpan(r.Context, r.span)
	return r.below
}

// SpanContext returns that of the operation's span, or of what stands for it. It is
// invalid as long as there is none, and for a stale Ref.
func (f Ref) SpanContext() (sc oteltrace.SpanContext) {
	if r := f.lock(); r != nil {
		switch {
		case r.span != nil:
			sc = r.span.SpanContext()
		case r.fold.stand != nil:
			sc = r.fold.stand.SpanContext()
		}
		r.mu.Unlock()
	}
	return sc
}

// Started returns the context that the operation was started with; nil for a stale Ref.
func (f Ref) Started() (ctx context.Context) {
	if r := f.lock(); r != nil {
		ctx = r.Context
		r.mu.Unlock()
	}
	return ctx
}

// SetOn says what the operation is about to wait for.
func (f Ref) SetOn(on any) {
	if r := f.lock(); r != nil {
		r.On = on
		r.mu.Unlock()
	}
}

// OwnerOf returns the goroutine that the operation is of; nil: none is known, or the
// Ref is stale.
func (f Ref) OwnerOf() (o Owner) {
	if r := f.lock(); r != nil {
		o = r.Owner
		r.mu.Unlock()
	}
	return o
}

// Context returns what [Record.Below] does; nil for a stale Ref.
func (f Ref) Context() (ctx context.Context) {
	if r := f.lock(); r != nil {
		ctx = r.context()
		r.mu.Unlock()
	}
	return ctx
}
