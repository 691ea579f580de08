package session

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"

	oteltrace "go.opentelemetry.io/otel/trace"

	core "github.com/wakechain/wakechain/internal/op"
	"github.com/wakechain/wakechain/trace/semconv"
)

// In contexts a segment is the span at the root of its trace. The root itself begins
// with the first span below it, so a segment in which nothing is recorded has none.
var _ core.Later = (*segment)(nil)

// The states of a segment's root.
const (
	pending uint32 = iota
	beginning
	begun
)

// SpanContext returns that of the root or, before the root has begun, that of the last
// recorded root of an earlier segment.
func (g *segment) SpanContext() oteltrace.SpanContext {
	if g.state.Load() == begun {
		return g.root
	}
	return g.before
}

// Below begins the root, if it has not begun. A span that begins before the root is in
// the trace before. So is one that begins while another goroutine begins the root,
// since that may be inside a span processor.
func (g *segment) Below(ctx context.Context, at time.Time) context.Context {
	if g.state.CompareAndSwap(pending, beginning) {
		g.begin(at)
		return ctx
	}
	if g.state.Load() == begun && (at.IsZero() || !at.Before(g.start)) {
		return ctx
	}
	return oteltrace.ContextWithSpanContext(ctx, g.before)
}

// begin begins the root, which ends at once.
func (g *segment) begin(at time.Time) {
	t := &g.s.traces
	if at.IsZero() {
		at = time.Now()
	}
	attrs := append(make([]attribute.KeyValue, 0, len(t.attrs)+2), t.attrs...)
	attrs = append(attrs, semconv.WebSocketSegmentIndexKey.Int(g.index))
	suppressed := t.unbounded.Suppressed()
	if suppressed > 0 {
		attrs = append(attrs, semconv.SpansSuppressedKey.Int64(suppressed))
	}
	ctx, span := core.Of(g.s.tracer).Root(context.Background(), g.s.handshake.SpanContext(), t.name, at,
		oteltrace.WithAttributes(attrs...), oteltrace.WithLinks(g.s.links(g.before)...))
	if span != nil {
		core.Of(g.s.tracer).FinishAt(span, at.Add(core.Tick(at)))
		g.share.Spend(1)
	} else {
		t.unbounded.Restate(suppressed)
	}
	g.root, g.start = oteltrace.SpanContextFromContext(ctx), at
	g.since.Store(int64(at.Sub(t.began)))
	g.state.Store(begun)
}

// holds reports whether ctx, whose span is sc, is below the segment.
func (g *segment) holds(ctx context.Context, sc oteltrace.SpanContext) bool {
	if g.state.Load() == begun {
		return sc.TraceID() == g.root.TraceID()
	}
	return oteltrace.SpanFromContext(ctx) == oteltrace.Span(g)
}

// recorded returns the last root that is sampled: the segment's, or an earlier one.
func (g *segment) recorded() oteltrace.SpanContext {
	if sc := g.SpanContext(); sc.IsSampled() {
		return sc
	}
	return g.before
}
