package session

import (
	"context"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace"
)

// Received is the parent for the work that a message causes.
type Received struct {
	tracer *trace.Tracer
	parent oteltrace.SpanContext
}

// newReceived returns the Received of a message that the peer wrote in origin, and that
// was read with ctx by an operation with span own. If own is not valid, the parent is
// that operation's parent.
func (s *Session) newReceived(ctx context.Context, own, origin oteltrace.SpanContext) Received {
	parent := own
	if !parent.IsValid() {
		parent = oteltrace.SpanContextFromContext(ctx)
	}
	if !parent.IsValid() {
		parent = s.handshake.SpanContext()
		if !s.off && s.recorded {
			parent = s.traces.current.Load().SpanContext()
		}
	}
	if !s.off && s.peerParent && origin.IsValid() && parent.IsSampled() {
		parent = origin
	}
	return Received{s.tracer, parent}
}

// Context returns a copy of ctx with the connection's tracer and the message's span as
// the current one. The zero Received returns ctx.
func (r Received) Context(ctx context.Context) context.Context {
	if r.tracer == nil {
		return ctx
	}
	if r.parent.IsValid() {
		ctx = oteltrace.ContextWithSpanContext(ctx, r.parent)
	}
	return r.tracer.NewContext(ctx)
}
