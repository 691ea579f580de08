// Package annotator notes in the runtime's execution trace which span begins and ends
// on which goroutine, so that what goroutines waited for can be shown below the spans
// of any OpenTelemetry program:
//
//	tp := sdktrace.NewTracerProvider(
//		sdktrace.WithSpanProcessor(annotator.New()),
//		sdktrace.WithBatcher(exporter),
//	)
//
// Package trace/sched records the trace, and Join of trace/sched/schedread puts the two
// together. The operations of package trace and those on it need no processor: they
// note themselves. Both do no harm.
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

// New returns a span processor. While no execution tracer runs it costs some nanoseconds
// at the start and the end of a span; while one runs, about a microsecond, and an
// allocation of 64 bytes. It is safe for concurrent use.
//
// A span is noted on the goroutine that starts it. Where that hands it to another one
// which was running before, what the other waits for is not below the span.
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

// notesItself reports whether the span is a goroutine's of package trace: that one notes
// on which goroutine it runs, and it is another one than started the span.
func notesItself(s sdktrace.ReadOnlySpan) bool {
	return s.InstrumentationScope().Name == trace.ScopeName &&
		slices.ContainsFunc(s.Attributes(), func(a attribute.KeyValue) bool { return a.Key == semconv.GoroutineNameKey })
}

func (processor) Shutdown(context.Context) error   { return nil }
func (processor) ForceFlush(context.Context) error { return nil }
