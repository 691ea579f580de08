package op

import (
	"context"
	"time"

	oteltrace "go.opentelemetry.io/otel/trace"
)

// A Later is a span in a context that begins with the first span below it. Until then
// its span context is that of another span, which is exported.
type Later interface {
	oteltrace.Span

	// Below returns the context for a span that begins at the given time, zero: now. It
	// is ctx, whose span is the Later and has begun, or else carries another. No lock is
	// held.
	Below(ctx context.Context, at time.Time) context.Context
}

// Below returns the context for a span that begins at the given time below ctx, zero:
// now.
func Below(ctx context.Context, at time.Time) context.Context {
	if l, ok := oteltrace.SpanFromContext(ctx).(Later); ok {
		return l.Below(ctx, at)
	}
	return ctx
}
