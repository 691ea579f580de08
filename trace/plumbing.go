package trace

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/internal/live"
	"github.com/wakechain/wakechain/internal/measure"
	core "github.com/wakechain/wakechain/internal/op"
)

// plumbing is a Tracer for the adapters of this module, as [core.Tracer] documents it.
type plumbing Tracer

var _ core.Tracer = (*plumbing)(nil)

func init() {
	core.Of = func(tracer any) core.Tracer { return (*plumbing)(tracer.(*Tracer)) }
	live.HoldBlock = func(_, o any, since time.Time) bool {
		ref, _ := o.(core.Ref)
		return ref.BlockedSince(since)
	}
	live.RecordStall = func(o any, s *live.Stall) (recorded, busy bool) {
		ref, _ := o.(core.Ref)
		if !ref.BlockedSince(s.Since) {
			return false, false
		}
		if t, ok := s.Task.(*Task); ok {
			t.settle()
		}
		done := ref.Do(func(r *core.Record) {
			for _, sink := range r.Sinks() {
				if x, ok := sink.(spans); ok && ref.BlockedSince(s.Since) {
					recorded = x.recordStall(r, s)
				}
			}
		})
		return recorded, !done && ref.BlockedSince(s.Since)
	}
}

// Start begins an operation.
func (p *plumbing) Start(c core.Config, sampled bool) core.Ref {
	t := (*Tracer)(p)
	recorded, metered := sampled && t.tracer != nil || !t.skips(c.Context), t.metered(c.Context)
	if !recorded && !metered && !t.live {
		return core.Ref{}
	}
	ref, _ := t.begin(&c, scopeOf(c.Context).task, recorded, metered)
	return ref
}

// Span begins a span that is not an operation.
func (p *plumbing) Span(ctx context.Context, name string, at time.Time, opts ...oteltrace.SpanStartOption) (context.Context, oteltrace.Span) {
	return (*Tracer)(p).span(ctx, name, at, opts...)
}

// Root begins a span as the root of a new trace.
func (p *plumbing) Root(ctx context.Context, of oteltrace.SpanContext, name string, at time.Time, opts ...oteltrace.SpanStartOption) (context.Context, oteltrace.Span) {
	return (*Tracer)(p).root(ctx, of, name, at, opts...)
}

// Record makes a completed span.
func (p *plumbing) Record(ctx context.Context, name string, start, end time.Time, errorType string, err error, attrs ...attribute.KeyValue) {
	(*Tracer)(p).record(ctx, name, start, end, errorType, err, attrs...)
}

// Finish ends a span that Span or Root began at start.
func (p *plumbing) Finish(span oteltrace.Span, start time.Time, errorType string, err error, attrs ...attribute.KeyValue) {
	finish(span, after(start), errorType, err, attrs)
}

// FinishAt ends a span that Span or Root began.
func (p *plumbing) FinishAt(span oteltrace.Span, end time.Time, attrs ...attribute.KeyValue) {
	finish(span, end, "", nil, attrs)
}

// Records reports whether a span below ctx may be recorded.
func (p *plumbing) Records(ctx context.Context) bool { return !(*Tracer)(p).skips(ctx) }

// Measures reports whether an operation below ctx is followed even if it is not
// recorded.
func (p *plumbing) Measures(ctx context.Context) bool {
	return p.live || (*Tracer)(p).metered(ctx)
}

// Failed keeps a span that failed for the goroutine of ctx.
func (p *plumbing) Failed(ctx context.Context, span oteltrace.Span, err error) {
	if t := scopeOf(ctx).task; t != nil && span != nil {
		t.failed(failure{span.SpanContext(), err})
	}
}

// Goroutine returns the name of the goroutine of ctx.
func (p *plumbing) Goroutine(ctx context.Context) string {
	if t := scopeOf(ctx).task; t != nil {
		return t.name
	}
	return ""
}

// Meter returns the meter of the Tracer's metrics; nil: none.
func (p *plumbing) Meter() metric.Meter {
	if p.metrics == nil {
		return nil
	}
	return p.metrics.meter
}

// Blocks returns the histogram of blocks if package meter collects it, else nil.
func (p *plumbing) Blocks() *measure.Histogram {
	if p.metrics == nil {
		return nil
	}
	return p.metrics.collected()
}

// MeasureBlock measures a block outside operations.
func (p *plumbing) MeasureBlock(ctx context.Context, reason, cause string, d time.Duration) {
	if p.metrics != nil {
		p.metrics.measure(ctx, reason, cause, d)
	}
}

// Live reports whether package live follows what is not sampled.
func (p *plumbing) Live() bool { return p.live }

// span begins a span at the given time that is not an operation. If nothing would be
// recorded (the span in ctx is not sampled, or the provider is a no-op), it returns ctx and
// a nil span, and allocates nothing. At the root of a trace the provider decides. If its
// sampler refuses the root, the returned context carries that refusal.
func (t *Tracer) span(ctx context.Context, name string, at time.Time, opts ...oteltrace.SpanStartOption) (context.Context, oteltrace.Span) {
	if t.skips(ctx) {
		return ctx, nil
	}
	child, span := t.tracer.Start(core.Below(ctx, at), name, append(slices.Clip(opts), oteltrace.WithTimestamp(at))...)
	switch {
	case span.IsRecording():
		return child, span
	case span.SpanContext().IsValid():
		return child, nil // the sampler refused it, and the spans below it
	default:
		return ctx, nil
	}
}

// root begins a span as the root of a new trace that continues the trace of the span of.
// The caller provides the links. It returns what span does.
//
// The new trace is sampled as of's trace was, as far as a sampler allows:
//
//   - The last eight bytes of its id are those of of's. Samplers by ratio (the SDK's,
//     W3C's consistent probability sampling, and those of a collector) use only these, so
//     they decide as before.
//   - If the sampler refuses the root although of is sampled, perhaps because of's parent
//     was, it is asked again about a child of of in the new trace. Then the span's parent
//     is not in its trace, but in of's.
//   - If it refuses that, too, nothing is recorded.
func (t *Tracer) root(ctx context.Context, of oteltrace.SpanContext, name string, at time.Time, opts ...oteltrace.SpanStartOption) (context.Context, oteltrace.Span) {
	id := of.TraceID()
	binary.BigEndian.PutUint64(id[:8], rand.Uint64())
	parent := of.WithTraceID(id)

	root := oteltrace.ContextWithSpanContext(ctx, parent.WithSpanID(oteltrace.SpanID{}))
	child, span := t.span(root, name, at, opts...)
	if span == nil && of.IsSampled() {
		child, span = t.span(oteltrace.ContextWithRemoteSpanContext(ctx, parent), name, at, opts...)
	}
	return child, span
}

// record makes a completed span as a child of the span in ctx, if span would record one.
func (t *Tracer) record(ctx context.Context, name string, start, end time.Time, errorType string, err error, attrs ...attribute.KeyValue) {
	if _, span := t.span(ctx, name, start); span != nil {
		finish(span, latest(end, start.Add(tick(start))), errorType, err, attrs)
	}
}
