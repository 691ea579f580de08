package op

import (
	"context"
	"sync/atomic"
)

// Whole is whether somebody wants to see all spans whole and each message as a span:
// the recorder of a test, which says so when the span starts below which they are.
type Whole struct{ wanted atomic.Bool }

type wholeKey struct{}

// Context returns a copy of ctx, to start a span with, in which [WantWhole] finds w.
func (w *Whole) Context(ctx context.Context) context.Context {
	return context.WithValue(ctx, wholeKey{}, w)
}

// Wanted reports whether somebody has said so.
func (w *Whole) Wanted() bool { return w.wanted.Load() }

// WantWhole is called by a span processor's OnStart, with the context that it is given.
func WantWhole(ctx context.Context) {
	if w, ok := ctx.Value(wholeKey{}).(*Whole); ok {
		w.wanted.Store(true)
	}
}
