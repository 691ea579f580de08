package op

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"

	oteltrace "go.opentelemetry.io/otel/trace"
)

// A Maker makes the spans of operations at less cost than OpenTelemetry's API: it is
// package lean's tracer. Methods are safe for concurrent use.
type Maker interface {
	oteltrace.Tracer

	// Begin begins a span as a child of the one in ctx. A recorded span is a [Span];
	// another one only carries its span context. Begin reports false, and has begun
	// nothing, if only the API can make the span.
	Begin(ctx context.Context, s *SpanStart) (span oteltrace.Span, ok bool)
}

// SpanStart is the configuration of a span.
type SpanStart struct {
	Name  string
	At    time.Time
	Attrs []attribute.KeyValue // copied
	Links []oteltrace.Link     // copied
	Size  int                  // the usual number of attributes
	Waits bool                 // it usually has a block and a wake
}

// Span is the span of an operation, which ends by Finish. Pointer arguments are copied.
type Span interface {
	oteltrace.Span

	// Maker returns the Maker of the span; nil: the API.
	Maker() Maker

	// Child makes the span of a completed block or wake.
	Child(r *Record, p *Part)

	// Finish ends the span.
	Finish(r *Record, f *Finish)
}

// A Part is a block or a wake of an operation. Everything else of its span is the same
// as the operation's.
type Part struct {
	*PartKind
	Reason string
	Attrs  []attribute.KeyValue   // besides the reason; they must not change
	Link   *oteltrace.SpanContext // nil or invalid: none

	At, Took time.Duration // since the operation's start
}

// PartKind is what parts of one kind have in common.
type PartKind struct {
	Name string
	Key  attribute.Key // of the reason
}

// Finish is what is known at the end of an operation.
type Finish struct {
	At     time.Duration
	Now    bool // it ends now, later than any part
	Failed bool
	Why    string // the status description, if it failed
	Attrs  []attribute.KeyValue
	Facts  Facts
	More   []attribute.KeyValue
}
