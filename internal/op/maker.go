package op

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"

	oteltrace "go.opentelemetry.io/otel/trace"
)

// A Maker makes the spans of operations for less than OpenTelemetry's API can: package
// lean's tracer. Methods are safe for concurrent use.
type Maker interface {
	oteltrace.Tracer

	// Begin begins a span as a child of the one in ctx. A span that is not recorded
	// stands for that in a context; one that is, is a [Span]. It reports false where
	// nothing has begun, since only the API can do what is asked for.
	Begin(ctx context.Context, s *SpanStart) (span oteltrace.Span, ok bool)
}

// SpanStart is what a span begins with.
type SpanStart struct {
	Name  string
	At    time.Time
	Attrs []attribute.KeyValue // copied
	Links []oteltrace.Link     // copied
	Size  int                  // how many attributes there will be, as a rule
	Waits bool                 // it has a block and a wake, as a rule
}

// Span is the span of an operation, which whoever knows operations ends by Finish. What
// the methods are given by pointer is copied.
type Span interface {
	oteltrace.Span

	// Maker returns what made the span; nil: the API.
	Maker() Maker

	// Child makes the span of a block or a wake that is over.
	Child(r *Record, p *Part)

	// Finish ends the span.
	Finish(r *Record, f *Finish)
}

// A Part is a block or a wake of an operation. It is as the operation's span is in
// all that it does not say.
type Part struct {
	*PartKind
	Reason string
	Attrs  []attribute.KeyValue   // beside the reason; nobody changes them
	Link   *oteltrace.SpanContext // nil or not valid: none

	At, Took time.Duration // since the operation's start
}

// PartKind is what parts have in common.
type PartKind struct {
	Name string
	Key  attribute.Key // of the reason
}

// Finish is what is known of an operation at its end.
type Finish struct {
	At     time.Duration
	Now    bool // the end is now, and no part has the same time
	Failed bool
	Why    string // the description of the status of one that failed
	Attrs  []attribute.KeyValue
	Facts  Facts
	More   []attribute.KeyValue
}
