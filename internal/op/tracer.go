package op

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/internal/measure"
)

// Of returns what this module's adapters use of a *trace.Tracer, beyond its public API.
// Package trace, which imports this one, sets it.
var Of func(tracer any) Tracer

// Tracer is a *trace.Tracer for this module's adapters. Methods are safe for concurrent
// use.
type Tracer interface {
	// Start begins an operation. Its context is made on demand, and so is its span if
	// that may begin later. sampled: the caller knows that the span in the context is
	// sampled. The tracer sets sinks and owner.
	Start(c Config, sampled bool) Ref

	// Span begins a span at the given time that is not an operation. If nothing would
	// be recorded, it returns ctx and a nil span; if a sampler refused the root of a
	// trace, the context says so to the spans below.
	Span(ctx context.Context, name string, at time.Time, opts ...oteltrace.SpanStartOption) (context.Context, oteltrace.Span)

	// Root is Span for the root of a new trace that continues of's, with the same
	// sampling decision as far as the sampler allows.
	Root(ctx context.Context, of oteltrace.SpanContext, name string, at time.Time, opts ...oteltrace.SpanStartOption) (context.Context, oteltrace.Span)

	// Record makes a completed span. It has failed if errorType is not ""; then the
	// text of err, which may be nil, is its status description.
	Record(ctx context.Context, name string, start, end time.Time, errorType string, err error, attrs ...attribute.KeyValue)

	// Finish ends a span that Span or Root began at start, as Record does.
	Finish(span oteltrace.Span, start time.Time, errorType string, err error, attrs ...attribute.KeyValue)

	// Failed records that span, which may be nil, failed with err on the goroutine of
	// ctx. If the goroutine fails with that error, too, its span links to this one.
	Failed(ctx context.Context, span oteltrace.Span, err error)

	// FinishAt ends a span that Span or Root began, at the given time.
	FinishAt(span oteltrace.Span, end time.Time, attrs ...attribute.KeyValue)

	// Records reports whether a span below ctx may be recorded. At the root of a trace
	// that depends on the provider.
	Records(ctx context.Context) bool

	// Measures reports whether operations below ctx are followed even if they are not
	// recorded.
	Measures(ctx context.Context) bool

	// Goroutine returns the name of the goroutine of ctx; "": it has none.
	Goroutine(ctx context.Context) string

	// Meter returns the meter of the tracer's metrics; nil: none.
	Meter() metric.Meter

	// Blocks returns the histogram of blocks if package meter collects it, else nil.
	Blocks() *measure.Histogram

	// MeasureBlock measures a block outside operations. The cause may be "".
	MeasureBlock(ctx context.Context, reason, cause string, d time.Duration)

	// Live reports whether package live follows what is not sampled.
	Live() bool
}
