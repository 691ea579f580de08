package op

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/internal/measure"
)

// Of returns what the adapters of this module use of a *trace.Tracer, beyond what a
// program does. It is package trace's, which imports this one.
var Of func(tracer any) Tracer

// Tracer is a *trace.Tracer for the adapters of this module. Methods are safe for
// concurrent use.
type Tracer interface {
	// Start begins an operation whose context is not needed as a rule. Until it has a
	// span, one whose span may come later costs nothing of the SDK's. sampled says that
	// the span in the context is, where the caller has looked already. Sinks and owner
	// are the tracer's to set.
	Start(c Config, sampled bool) Ref

	// Span begins a span at the given time that is not an operation. It returns ctx as
	// it is and a nil span where nothing would be recorded, but at the root of a trace
	// that the sampler refused: there the context says so to what is below.
	Span(ctx context.Context, name string, at time.Time, opts ...oteltrace.SpanStartOption) (context.Context, oteltrace.Span)

	// Root is Span for the root of a new trace that continues of's, and is sampled as
	// that was, as far as a sampler allows.
	Root(ctx context.Context, of oteltrace.SpanContext, name string, at time.Time, opts ...oteltrace.SpanStartOption) (context.Context, oteltrace.Span)

	// Record makes a span that is over. It is an error if errorType is not ""; then the
	// text of err, which may be nil, is the description of its status.
	Record(ctx context.Context, name string, start, end time.Time, errorType string, err error, attrs ...attribute.KeyValue)

	// Finish ends a span that Span or Root began at start, as Record does.
	Finish(span oteltrace.Span, start time.Time, errorType string, err error, attrs ...attribute.KeyValue)

	// Failed says that a span, which may be nil, of the goroutine that ctx is of failed
	// with err. The goroutine's links to it if it fails with that, too.
	Failed(ctx context.Context, span oteltrace.Span, err error)

	// FinishAt ends a span that Span or Root began, at the given time.
	FinishAt(span oteltrace.Span, end time.Time, attrs ...attribute.KeyValue)

	// Records reports whether a span below ctx may be recorded. At the root of a trace
	// that is for the provider to say.
	Records(ctx context.Context) bool

	// Measures reports whether an operation below ctx is followed even if it is not
	// recorded.
	Measures(ctx context.Context) bool

	// Goroutine returns the name of the goroutine that ctx is of, "" where it has none.
	Goroutine(ctx context.Context) string

	// Meter returns the meter of the tracer's metrics; nil: none.
	Meter() metric.Meter

	// Blocks returns the histogram of blocks that package meter collects; nil: it is
	// another, or there is none.
	Blocks() *measure.Histogram

	// MeasureBlock measures a block of no operation. The cause may be "".
	MeasureBlock(ctx context.Context, reason, cause string, d time.Duration)

	// Live reports whether package live follows what is not sampled.
	Live() bool
}
