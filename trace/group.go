package trace

import (
	"context"
	"sync"
)

// Group is errgroup.Group of golang.org/x/sync, with goroutines that are Tasks:
// several functions for one purpose, of which the first that fails cancels the
// others. Waiting for a slot, where there is a limit, and for the end are
// operations, [semconv.SpanWait], whose wakes link to the goroutine that ended.
//
// The zero Group has no limit and cancels nothing. It must not be copied. Go and
// Wait are safe for concurrent use, as far as the first Go comes before Wait.
type Group struct {
	wg     WaitGroup
	slots  *Semaphore // nil: no limit
	limit  int64
	cancel context.CancelCauseFunc // nil: of the zero Group

	once sync.Once
	err  error
}

// NewGroup returns a Group and a context for its functions, which ends when one
// of them returns an error, with that as its cause, or when Wait has returned. A name
// is that of both what Wait and what Go waits for.
func NewGroup(ctx context.Context, opts ...PrimitiveOption) (*Group, context.Context) {
	ctx, cancel := context.WithCancelCause(ctx)
	return &Group{cancel: cancel, wg: WaitGroup{queue: queue{name: newNamed(opts)}}}, ctx
}

// SetLimit sets how many of the group's goroutines run at the most; a negative n
// is no limit, as is the default. It panics while one of them runs.
func (g *Group) SetLimit(n int) {
	if g.slots != nil && !g.slots.TryAcquire(context.Background(), g.limit) {
		panic("trace: the limit of a Group was set while its goroutines run") //nolint:forbidigo // as errgroup does
	}
	g.slots = nil
	if n >= 0 {
		g.slots, g.limit = NewSemaphore(int64(n)), int64(n)
		g.slots.core.name = g.wg.name
	}
}

// Go is the function [Go], after waiting for a slot where there is a limit. The
// first error of all functions is the group's; [ErrGoexit] is one. Where ctx
// ends before there is a slot, fn is not run, and context.Cause(ctx) counts as
// its error.
func (g *Group) Go(ctx context.Context, name string, fn func(context.Context) error, opts ...GoOption) {
	g.wg.Add(1) // before the wait for a slot, so that who waits for the end waits for its error, too
	if g.slots != nil {
		if err := g.slots.Acquire(ctx, 1); err != nil {
			g.fail(err)
			g.wg.Done(ctx)
			return
		}
	}
	g.start(ctx, name, fn, opts)
}

// TryGo is Go if there is a slot now, and reports whether.
func (g *Group) TryGo(ctx context.Context, name string, fn func(context.Context) error, opts ...GoOption) bool {
	if g.slots != nil && !g.slots.TryAcquire(ctx, 1) {
		return false
	}
	g.wg.Add(1)
	g.start(ctx, name, fn, opts)
	return true
}

func (g *Group) start(ctx context.Context, name string, fn func(context.Context) error, opts []GoOption) {
	slots := g.slots
	spawn(ctx, name, fn, opts, func(own context.Context, err error) {
		if err != nil {
			g.fail(err)
		}
		if slots != nil {
			slots.Release(own, 1)
		}
		g.wg.Done(own)
	})
}

func (g *Group) fail(err error) {
	g.once.Do(func() {
		g.err = err
		if g.cancel != nil {
			g.cancel(err)
		}
	})
}

// Wait waits until all functions have ended, and returns the first error, nil if
// there was none. When ctx ends before, it returns context.Cause(ctx), and the
// functions go on. Give it a context that outlives the group's: that one ends
// with the first error.
func (g *Group) Wait(ctx context.Context) error {
	if err := g.wg.Wait(ctx); err != nil {
		return err
	}
	if g.cancel != nil {
		g.cancel(g.err)
	}
	return g.err
}
