// Package annotator writes into the runtime's execution trace which spans begin and end on
// which goroutine, so that the waits of goroutines can be shown below the spans of any
// OpenTelemetry program:
//
//	tp := sdktrace.NewTracerProvider(
//		sdktrace.WithSpanProcessor(annotator.New()),
//		sdktrace.WithBatcher(exporter),
//	)
//
// Package trace/sched records the trace, and Join of trace/sched/schedread combines it with
// the spans. Operations of package trace, and of the packages that use it, need no
// processor: they write the same themselves. A processor does no harm to them.
package annotator

import (
	"context"
	"slices"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/internal/annotate"
	"github.com/wakechain/wakechain/trace/semconv"
)

// New returns a span processor. If no execution tracer runs, it costs some nanoseconds at
// the start and the end of a span. If one runs, it costs about a microsecond, and an
// allocation of 64 bytes. It is safe for concurrent use.
//
// A span belongs to the goroutine that starts it. If that passes the span to another
// goroutine that was already running, the other's waits are not below the span.
func New() sdktrace.SpanProcessor { return processor{} }

type processor struct{}

var _ sdktrace.SpanProcessor = processor{}

func (processor) OnStart(_ context.Context, s sdktrace.ReadWriteSpan) {
	if annotate.On() && !notesItself(s) {
		annotate.Begin(s.SpanContext()) //nolint:contextcheck // a note is of no task
	}
}

func (processor) OnEnd(s sdktrace.ReadOnlySpan) {
	if annotate.On() && !notesItself(s) {
		annotate.End(s.SpanContext())
	}
}

// notesItself reports whether the span is that of a goroutine of package trace. That
// goroutine writes its own annotations, and is not the one that started the span.
func notesItself(s sdktrace.ReadOnlySpan) bool {
	return s.InstrumentationScope().Name == trace.ScopeName &&
		slices.ContainsFunc(s.Attributes(), func(a attribute.KeyValue) bool { return a.Key == semconv.GoroutineNameKey })
}

func (processor) Shutdown(context.Context) error   { return nil }
func (processor) ForceFlush(context.Context) error { return nil }
