package op

import (
	"context"
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
		r.stopFolding()
	}
}

// shown is r.show for a block of which sinks that make spans are told: that of an
// operation that has come to something is shown, even where it was idle.
func (r *Record) shown() Show {
	if r.fold.stopped {
		return min(r.show, ShowBlocked)
	}
	return r.show
}

// Ref returns the reference to the operation. Only its sinks may call it.
func (r *Record) Ref() Ref { return Ref{r, r.gen} }

// Sinks returns what the operation's edges go to.
func (r *Record) Sinks() []Sink { return r.sinks }

// SetOn says what the operation is about to wait for.
func (f Ref) SetOn(on any) {
	if r := f.lock(); r != nil {
		r.On = on
		r.mu.Unlock()
	}
}

// OwnerOf returns the goroutine that the operation is of; nil: none is known, or the
// Ref is stale.
func (f Ref) Owner() (o Owner) {
	if r := f.lock(); r != nil {
		o = r.Owner
		r.mu.Unlock()
	}
	return o
}

// Blocked returns for how long the operation has been blocked in all, in blocks that
// are over. It is 0 for a stale Ref.
func (f Ref) Blocked() (d time.Duration) {
	if r := f.lock(); r != nil {
		d = r.blocked
		r.mu.Unlock()
	}
	return d
}
