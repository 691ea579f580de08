package op

import (
	"context"

	oteltrace "go.opentelemetry.io/otel/trace"
)

// SetSpan sets the span that a sink has begun for the operation, and the context that
// carries it; nil: that is made on demand. If the span is nil too, there is none; a
// context then carries that it was refused.
func (r *Record) SetSpan(span oteltrace.Span, below context.Context) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.span, r.below = span, below
	r.fold.standInCtx = nil
}

// Span returns the operation's span, nil as long as it has none.
func (r *Record) Span() oteltrace.Span {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.span
}

// Below returns the context that carries the operation's span or, as long as it has
// none, the context that it was started with.
func (r *Record) Below() context.Context {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.context()
}

func (r *Record) context() context.Context {
	switch {
	case r.below != nil:
		return r.below
	case r.span == nil && r.fold.standIn != nil:
		if r.fold.standInCtx == nil {
			r.fold.standInCtx = oteltrace.ContextWithSpan(r.Context, r.fold.standIn)
		}
		return r.fold.standInCtx
	case r.span == nil:
		return r.Context
	}
	r.below = oteltrace.ContextWithSpan(r.Context, r.span)
	return r.below
}

// SpanContext returns that of the operation's span, or of its stand-in. It is invalid
// as long as there is neither, and for a stale Ref.
func (f Ref) SpanContext() (sc oteltrace.SpanContext) {
	if r := f.lock(); r != nil {
		switch {
		case r.span != nil:
			sc = r.span.SpanContext()
		case r.fold.standIn != nil:
			sc = r.fold.standIn.SpanContext()
		}
		r.mu.Unlock()
	}
	return sc
}

// Context returns [Record.Below]; nil for a stale Ref.
func (f Ref) Context() (ctx context.Context) {
	if r := f.lock(); r != nil {
		ctx = r.context()
		r.mu.Unlock()
	}
	return ctx
}

// StartContext returns the context that the operation was started with; nil for a stale
// Ref.
func (f Ref) StartContext() (ctx context.Context) {
	if r := f.lock(); r != nil {
		ctx = r.Context
		r.mu.Unlock()
	}
	return ctx
}
