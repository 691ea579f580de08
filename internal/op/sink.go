package op

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"

	oteltrace "go.opentelemetry.io/otel/trace"
)

// A Sink makes something of the edges of operations. Its methods are called without
// a lock held, one at a time for each record and in order, and by several goroutines
// for several records. What it is given by pointer is the record's, and valid until
// it returns.
type Sink interface {
	// Wake is called when a block is over. A wake without a reason is the end of an
	// operation that was still blocked.
	Wake(r *Record, block, wake *Edge)

	// End is called once, last.
	End(r *Record, e *End)

	// Wants returns how long a block must last for its evidence to be of use to the
	// sink; negative: it is of none. It is asked with the record's lock held, and only
	// compares. shown says that the operation has a span.
	Wants(s Show, shown bool) time.Duration
}

// A Describer is a Sink that takes more than edges: those that make spans.
type Describer interface {
	Sink

	// WokenBy names what the latest wake is due to, where that shows only after it.
	WokenBy(r *Record, by oteltrace.SpanContext)

	// Link links the operation to a span.
	Link(r *Record, to oteltrace.SpanContext)

	// SetAttributes adds attributes to the operation.
	SetAttributes(r *Record, attrs []attribute.KeyValue)
}

// Owner is the goroutine that operations run on. It is called at once, also inside the
// callback of the runtime's poller and with the record's lock held: it may store a few
// words under a lock of its own, and nothing else.
type Owner interface {
	Parked(ref Ref, r *Record, reason string, at time.Time)

	// Unparked ends the block that began at since. Where at is zero it was none.
	Unparked(ref Ref, reason string, since, at time.Time)

	// Key returns what the goroutine is known by to whoever looks at what is blocked.
	Key() any
}

// Show says what an operation must come to before it is shown as a span.
type Show uint8

// What an operation must come to.
const (
	ShowAll     Show = iota // nothing
	ShowBlocked             // a block that is shown, or an error
	ShowFailed              // an error
	ShowNone                // it is not shown, whatever comes
)

// Config is how an operation begins.
type Config struct {
	Name    string
	Context context.Context // that it is started with
	At      time.Time       // when it began; zero: now. Only of one that is Late
	Attrs   []attribute.KeyValue
	Sinks   []Sink
	Owner   Owner  // nil: none that is known
	On      any    // what it waits for or is a part of, for package live; nil: not known
	Held    bool   // from the start; see [Ref.Hold]
	Late    bool   // its span begins with its first delivered event, and not at Start
	Stalls  Stalls // what it is not folded for, as one of many alike; nil: it is not to be folded

	// For sinks that make spans.
	Show   Show
	Budget *Budget
	Root   oteltrace.SpanContext // valid: it is the root of a new trace that goes on where this one's went
	Links  []oteltrace.Link
}
