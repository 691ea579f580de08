package op

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"

	oteltrace "go.opentelemetry.io/otel/trace"
)

// Record is one operation: its configuration, and the edges so far. Sinks read the
// exported fields, which do not change from Start until the last sink's End has
// returned.
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

	// State is the memory of the sink that makes spans. It is kept when the record is
	// reused, and only sinks access it.
	State any

	mu      sync.Mutex
	gen     uint32
	state   state
	show    Show
	last    time.Duration // the latest edge; edges are in order
	block   Edge          // in progress while blocked
	woken   bool          // and the cause is not known yet
	blocks  int
	blocked time.Duration
	sinks   []Sink
	span    oteltrace.Span  // nil: none yet
	below   context.Context // carries the span, or that it was refused; nil: not made yet
	fold    folding

	running bool        // a sink is running
	held    bool        // events are queued
	late    *time.Timer // delivers them if that takes long; nil: not set
	current event       // being delivered
	queue   []event     // delivered next, from first on
	first   int
}

type state uint8

const (
	running state = iota
	blocked
	ended
)

// Ref is a reference to an operation. The zero Ref does nothing, nor does one whose
// operation has ended. A Ref may be copied, and is safe for concurrent use.
type Ref struct {
	r   *Record
	gen uint32
}

var records = sync.Pool{New: func() any { return new(Record) }}

// New begins an operation at start. No sink knows it yet.
func New(start time.Time, c *Config) (*Record, Ref) {
	r := records.Get().(*Record)
	r.Name, r.Context, r.Attrs, r.Links, r.Root = c.Name, c.Context, c.Attrs, c.Links, c.Root
	r.Budget, r.Owner, r.On = c.Budget, c.Owner, c.On
	r.mu.Lock() // a stale Ref may be in use
	defer r.mu.Unlock()
	r.state, r.show, r.sinks, r.held = running, c.Show, c.Sinks, c.Held
	r.fold.stalls, r.fold.show = c.Stalls, c.Show
	r.Start = start
	return r, Ref{r, r.gen}
}

// Free frees a record that no sink knows, or that has ended. From then on Refs to it
// are stale.
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
	r.block.forget()
	r.current.forget()
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

// Valid reports whether the Ref was made for an operation, which may have ended.
func (f Ref) Valid() bool { return f.r != nil }

// Show returns when the operation is shown.
func (r *Record) Show() Show {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.show
}

// SetShow changes when the operation is shown. It does nothing to one that was started
// with [ShowAll] or [ShowNone].
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

// shown returns r.show for a block that sinks which make spans see: once folding has
// stopped, idle blocks count, too.
func (r *Record) shown() Show {
	if r.fold.stopped {
		return min(r.show, ShowBlocked)
	}
	return r.show
}

// Ref returns a reference to the operation. Only sinks may call it.
func (r *Record) Ref() Ref { return Ref{r, r.gen} }

// Sinks returns the operation's sinks.
func (r *Record) Sinks() []Sink { return r.sinks }

// SetOn sets what the operation waits for.
func (f Ref) SetOn(on any) {
	if r := f.lock(); r != nil {
		r.On = on
		r.mu.Unlock()
	}
}

// Owner returns the operation's goroutine; nil: it is not known, or the Ref is stale.
func (f Ref) Owner() (o Owner) {
	if r := f.lock(); r != nil {
		o = r.Owner
		r.mu.Unlock()
	}
	return o
}

// Blocked returns the total duration of the completed blocks; 0 for a stale Ref.
func (f Ref) Blocked() (d time.Duration) {
	if r := f.lock(); r != nil {
		d = r.blocked
		r.mu.Unlock()
	}
	return d
}
