package op

import (
	"context"
	"sync/atomic"
)

// Whole is a request, by the recorder of a test, for all spans and a span for each
// message. The recorder makes it when the span starts below which they are.
type Whole struct{ wanted atomic.Bool }

type wholeKey struct{}

// Context returns a copy of ctx, to start a span with, in which [WantWhole] finds w.
func (w *Whole) Context(ctx context.Context) context.Context {
	return context.WithValue(ctx, wholeKey{}, w)
}

// Wanted reports whether it was requested.
func (w *Whole) Wanted() bool { return w.wanted.Load() }

// WantWhole is called by a span processor's OnStart, with the context that it is given.
func WantWhole(ctx context.Context) {
	if w, ok := ctx.Value(wholeKey{}).(*Whole); ok {
		w.wanted.Store(true)
	}
}
