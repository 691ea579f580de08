package trace

import (
	"context"
	"sync"

	"github.com/wakechain/wakechain/trace/semconv"
)

// WaitGroup is sync.WaitGroup with a wait that is recorded, and that a context can end. The
// zero WaitGroup has nothing to wait for; it must not be copied, and its methods are safe
// for concurrent use.
//
// A blocked Wait is an operation, [semconv.SpanWait] with [semconv.ReasonWaitGroup], whose
// wake links to the caller of the last Done. For functions that return errors, see [Group].
type WaitGroup struct {
	queue
	n int
}

// NewWaitGroup returns a WaitGroup with options. One without is the zero WaitGroup.
func NewWaitGroup(opts ...PrimitiveOption) *WaitGroup {
	return &WaitGroup{queue: queue{name: newNamed(opts)}}
}

// Add adds delta, which may be negative, to the counter. It panics if that becomes
// negative.
func (wg *WaitGroup) Add(delta int) { wg.add(nobody, delta) }

// Done decrements the counter. Goroutines that it wakes link to the span in ctx. It panics
// if the counter is zero.
func (wg *WaitGroup) Done(ctx context.Context) { wg.add(causer{ctx}, -1) }

func (wg *WaitGroup) add(by causer, delta int) {
	wg.mu.Lock()
	wg.n += delta
	n := wg.n
	if n == 0 {
		wg.grantAll(by)
	}
	wg.mu.Unlock()
	if n < 0 {
		new(sync.WaitGroup).Add(n) // panics as the bare one does
	}
}

// Go calls Add(1) and the function [Go] with fn, and Done when fn has ended.
func (wg *WaitGroup) Go(ctx context.Context, name string, fn func(context.Context) error, opts ...GoOption) *Task {
	wg.Add(1)
	return spawn(ctx, name, fn, opts, func(own context.Context, _ error) { wg.Done(own) })
}

// Wait waits until the counter is zero, whether ctx ends or not.
func (wg *WaitGroup) Wait(ctx context.Context) { _ = wg.wait(ctx, nil) }

// WaitContext is Wait that gives up when ctx ends: then it returns context.Cause(ctx).
func (wg *WaitGroup) WaitContext(ctx context.Context) error { return wg.wait(ctx, ctx.Done()) }

func (wg *WaitGroup) wait(ctx context.Context, done <-chan struct{}) error {
	if !emitsAll(ctx) && wg.idle() {
		return nil
	}
	own, op := startOn(ctx, semconv.SpanWait, wg.name)
	op.lock(&wg.mu)
	if wg.n == 0 {
		wg.mu.Unlock()
		op.End(nil)
		return nil
	}
	e := wg.push(own, 1)
	wg.mu.Unlock()
	return wg.park(ctx, done, op, e, (*waitGroupWait)(wg), semconv.ReasonWaitGroup, semconv.WakeDone)
}

func (wg *WaitGroup) idle() bool {
	wg.mu.Lock()
	defer wg.mu.Unlock()
	return wg.n == 0
}
