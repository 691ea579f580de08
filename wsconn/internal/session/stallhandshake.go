package session

import (
	"context"
	"time"

	oteltrace "go.opentelemetry.io/otel/trace"

	core "github.com/wakechain/wakechain/internal/op"
	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/semconv"
)

// beginHandshake begins the span of a completed handshake that began at start and took
// long or failed; nil: it is not reported.
func (w *stallWatch) beginHandshake(t *trace.Tracer, of *Session, name string, start time.Time, errorType string, opts ...oteltrace.SpanStartOption) (teller *trace.Tracer, ctx context.Context, s oteltrace.Span) {
	if w.tracerFor(t) == nil {
		return nil, nil, nil
	}
	cause := ""
	switch {
	case errorType != "" && errorType != semconv.ErrorCanceled:
		cause = stallRefused
	case errorType == "" && time.Since(start) >= w.after:
		cause = stallHandshake
	default:
		return nil, nil, nil
	}
	attrs, ok := w.allow(t, cause)
	if !ok {
		return nil, nil, nil
	}
	teller = w.reporter(t)
	ctx, s = core.Of(teller).Span(core.MarkStall(context.Background()), name, start, append(opts, oteltrace.WithAttributes(attrs...), oteltrace.WithLinks(handshakeLink(of)...))...)
	return teller, ctx, s
}
