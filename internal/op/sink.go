package op

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"

	oteltrace "go.opentelemetry.io/otel/trace"
)

// A Sink receives the edges of operations. Its methods are called without a lock held,
// one at a time and in order for each record, and concurrently for different records.
// Pointer arguments belong to the record, and are valid until the method returns.
type Sink interface {
	// Wake is called at the end of a block. A wake without a reason is the end of an
	// operation that was still blocked.
	Wake(r *Record, block, wake *Edge)

	// End is called once, last.
	End(r *Record, e *End)

	// Wants returns how long a block must last for the sink to use its evidence;
	// negative: it uses none. It is called with the record's lock held, and must only
	// compare. shown: the operation has a span.
	Wants(s Show, shown bool) time.Duration
}

// A Describer is a Sink that makes spans, and takes more than edges.
type Describer interface {
	Sink

	// WokenBy sets the cause of the latest wake, which became known after it.
	WokenBy(r *Record, by oteltrace.SpanContext)

	// Link links the operation to a span.
	Link(r *Record, to oteltrace.SpanContext)

	// SetAttributes adds attributes to the operation.
	SetAttributes(r *Record, attrs []attribute.KeyValue)
}

// Owner is the goroutine of operations. Its methods are called immediately, also inside
// the callback of the runtime's poller and with the record's lock held: they may store
// a few words under a lock of their own, and nothing else.
type Owner interface {
	Parked(ref Ref, r *Record, reason string, at time.Time)

	// Unparked ends the block that began at since. If at is zero, the goroutine did not
	// park.
	Unparked(ref Ref, reason string, since, at time.Time)

	// Key identifies the goroutine to package live.
	Key() any
}

// Show selects when an operation is shown as a span.
type Show uint8

// The values of Show.
const (
	ShowAll     Show = iota // always
	ShowBlocked             // if it has a block that is shown, or fails
	ShowFailed              // if it fails
	ShowNone                // never
)

// Config is the configuration of an operation.
type Config struct {
	Name    string
	Context context.Context // that it is started with
	At      time.Time       // when it began; zero: now. Only if Late
	Attrs   []attribute.KeyValue
	Sinks   []Sink
	Owner   Owner  // nil: not known
	On      any    // what it waits for or is a part of, for package live; nil: not known
	Held    bool   // from the start; see [Ref.Hold]
	Late    bool   // its span begins with its first delivered event, and not at Start
	Stalls  Stalls // which blocks keep it from being folded; nil: do not fold

	// For sinks that make spans.
	Show   Show
	Budget *Budget
	Root   oteltrace.SpanContext // valid: begin a new trace, which continues the one of this span
	Links  []oteltrace.Link
}
