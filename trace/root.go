package trace

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"time"

	oteltrace "go.opentelemetry.io/otel/trace"
)

// Root begins a span as the root of a new trace that goes on where the trace of
// the span of went: links are the caller's to give. It returns what
// [Tracer.Span] does.
//
// The new trace is sampled as of's was, as far as the sampler can be told so:
//
//   - Its id ends in the eight bytes that of's ends in. Samplers by ratio, those
//     of the SDK and W3C's consistent probability sampling, look at these alone,
//     and so do those of a collector: they decide as they did before.
//   - Where the sampler refuses the root although of is sampled, which it may be
//     because its own parent was, it is asked once more about a child of of in
//     the new trace. Then the span names a parent that is not in its trace,
//     but in of's.
//   - Where it refuses that too, its no holds.
func (t *Tracer) Root(ctx context.Context, of oteltrace.SpanContext, name string, at time.Time, opts ...oteltrace.SpanStartOption) (context.Context, oteltrace.Span) {
	id := of.TraceID()
	binary.BigEndian.PutUint64(id[:8], rand.Uint64())
	parent := of.WithTraceID(id)

	root := oteltrace.ContextWithSpanContext(ctx, parent.WithSpanID(oteltrace.SpanID{}))
	child, span := t.Span(root, name, at, opts...)
	if span == nil && of.IsSampled() {
		child, span = t.Span(oteltrace.ContextWithRemoteSpanContext(ctx, parent), name, at, opts...)
	}
	return child, span
}
