package session

import (
	"context"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace"
)

// Received is what a message brought beside its bytes: what the work that it
// causes is a child of.
type Received struct {
	tracer *trace.Tracer
	parent oteltrace.SpanContext
}

// messageOf is that of the message m, which was read with ctx by the operation whose
// span is own. Where that has none it is what it is a child of, so that the work is
// recorded where that is.
func (s *Session) messageOf(ctx context.Context, own oteltrace.SpanContext, m message) Received {
	parent := own
	if !parent.IsValid() {
		parent = oteltrace.SpanContextFromContext(ctx)
	}
	if seg := s.traces.current.Load(); !parent.IsValid() && seg != nil {
		parent = seg.root.SpanContext()
	}
	if !parent.IsValid() {
		parent = s.handshake.SpanContext()
	}
	if s.peerParent && m.origin.IsValid() && parent.IsSampled() {
		parent = m.origin
	}
	return Received{s.tracer, parent}
}

// Context returns a copy of ctx with the connection's tracer and the message's
// span in place of its own. The zero Received is of no message, and returns ctx.
func (r Received) Context(ctx context.Context) context.Context {
	if r.tracer == nil {
		return ctx
	}
	if r.parent.IsValid() {
		ctx = oteltrace.ContextWithSpanContext(ctx, r.parent)
	}
	return r.tracer.NewContext(ctx)
}
