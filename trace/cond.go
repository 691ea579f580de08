package trace

import (
	"context"

	"github.com/wakechain/wakechain/trace/semconv"
)

// Cond is sync.Cond with a wait that is recorded, and that a context can end. It has no
// lock of its own: Wait takes one. The zero Cond is ready; it must not be copied, and its
// methods are safe for concurrent use.
//
// A Wait is an operation, [semconv.SpanWait] with [semconv.ReasonCond], whose wake links to the
// operation that signaled.
type Cond struct{ queue }

// NewCond returns a Cond with options. One without is the zero Cond.
func NewCond(opts ...PrimitiveOption) *Cond { return &Cond{queue{name: newNamed(opts)}} }

// Wait unlocks l, waits to be woken by Signal or Broadcast, and locks l again,
// which is an operation of its own. No signal between the unlock and the wait is
// missed. It waits whether ctx ends or not.
//
// As with sync.Cond, the condition may be false again when Wait returns:
//
//	for !condition() {
//		c.Wait(ctx, &mu)
//	}
func (c *Cond) Wait(ctx context.Context, l Locker) { _ = c.wait(ctx, nil, l) }

// WaitContext is Wait that gives up when ctx ends: then it returns context.Cause(ctx), or
// nil if it was signaled before. In any case l is locked.
func (c *Cond) WaitContext(ctx context.Context, l Locker) error { return c.wait(ctx, ctx.Done(), l) }

func (c *Cond) wait(ctx context.Context, done <-chan struct{}, l Locker) error {
	own, op := startOn(ctx, semconv.SpanWait, c.name)
	op.lock(&c.mu)
	e := c.push(own, 1)
	c.mu.Unlock()
	l.Unlock()
	err := c.park(ctx, done, op, e, (*queueWait)(&c.queue), semconv.ReasonCond, semconv.WakeSignaled)
	l.Lock(ctx)
	return err
}

// Signal wakes the goroutine that has waited longest, if there is one. Its wake links
// to the span in ctx. The caller need not hold the lock.
func (c *Cond) Signal(ctx context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.waiters.Front(); e != nil {
		c.grant(e, causer{ctx})
	}
}

// Broadcast wakes all waiting goroutines. Their wakes link to the span in ctx. The
// caller need not hold the lock.
func (c *Cond) Broadcast(ctx context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.grantAll(causer{ctx})
}
