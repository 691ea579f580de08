package trace

import (
	"context"
	"sync"
)

// Group is errgroup.Group of golang.org/x/sync with goroutines that are Tasks: several
// functions for one purpose, the first failure of which cancels the others. Waiting for
// a slot, if there is a limit, and for the end are operations, [semconv.SpanWait].
// Their wakes link to the goroutine that ended.
//
// The zero Group has no limit and cancels nothing. It must not be copied. Go and Wait
// are safe for concurrent use, provided that the first Go comes before Wait.
type Group struct {
	wg     WaitGroup
	slots  *Semaphore // nil: no limit
	limit  int64
	cancel context.CancelCauseFunc // nil: of the zero Group

	once sync.Once
	err  error
}

// NewGroup returns a Group and a context for its functions. The context ends when one of
// them returns an error, with that as its cause, or when Wait has returned. A name is that
// of the waits of both Wait and Go.
func NewGroup(ctx context.Context, opts ...PrimitiveOption) (*Group, context.Context) {
	ctx, cancel := context.WithCancelCause(ctx)
	return &Group{cancel: cancel, wg: WaitGroup{queue: queue{name: newNamed(opts)}}}, ctx
}

// SetLimit limits how many of the group's goroutines run at a time. A negative n is no
// limit, which is the default. It panics while one of them runs.
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

// Go is the function [Go], after waiting for a slot if there is a limit. The first error of
// all functions is the group's; [ErrGoexit] is one. If ctx ends before there is a slot, fn
// is not run, context.Cause(ctx) counts as its error, and Go returns nil.
func (g *Group) Go(ctx context.Context, name string, fn func(context.Context) error, opts ...GoOption) *Task {
	g.wg.Add(1) // before the wait for a slot, so that Wait waits for its error, too
	if g.slots != nil {
		if err := g.slots.Acquire(ctx, 1); err != nil {
			g.fail(err)
			g.wg.Done(ctx)
			return nil
		}
	}
	return g.start(ctx, name, fn, opts)
}

// TryGo is Go if there is a free slot, and else does nothing and returns nil.
func (g *Group) TryGo(ctx context.Context, name string, fn func(context.Context) error, opts ...GoOption) *Task {
	if g.slots != nil && !g.slots.TryAcquire(ctx, 1) {
		return nil
	}
	g.wg.Add(1)
	return g.start(ctx, name, fn, opts)
}

func (g *Group) start(ctx context.Context, name string, fn func(context.Context) error, opts []GoOption) *Task {
	slots := g.slots
	return spawn(ctx, name, fn, opts, func(own context.Context, err error) {
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

// Wait waits until all functions have ended, whether ctx ends or not: it may be the
// group's context. It returns the first error, nil if there was none.
func (g *Group) Wait(ctx context.Context) error {
	g.wg.Wait(ctx)
	return g.end()
}

// WaitContext is Wait that gives up when ctx ends: then it returns context.Cause(ctx),
// and the functions continue. Do not pass the group's own context: it ends with the first
// error, while other functions may still run.
func (g *Group) WaitContext(ctx context.Context) error {
	if err := g.wg.WaitContext(ctx); err != nil {
		return err
	}
	return g.end()
}

func (g *Group) end() error {
	if g.cancel != nil {
		g.cancel(g.err)
	}
	return g.err
}
