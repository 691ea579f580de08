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

	// Below returns the context for a span that begins at the given time; zero: now.
	// That is ctx if the Later has begun, and else a context with another span. It is
	// called without a lock.
	Below(ctx context.Context, at time.Time) context.Context
}

// Below returns the context for a span below ctx that begins at the given time; zero:
// now.
func Below(ctx context.Context, at time.Time) context.Context {
	if l, ok := oteltrace.SpanFromContext(ctx).(Later); ok {
		return l.Below(ctx, at)
	}
	return ctx
}
