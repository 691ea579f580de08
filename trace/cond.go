package trace

import (
	"context"

	"github.com/wakechain/wakechain/trace/semconv"
)

// Cond is sync.Cond with a wait that ends with a context, and that shows. It has
// no lock of its own: Wait is given one. The zero Cond is ready; it must not be
// copied, and its methods are safe for concurrent use.
//
// A Wait is an operation, [semconv.SpanWait] with [semconv.ReasonCond], whose wake links to the
// operation that signaled.
type Cond struct{ queue }

// NewCond returns a Cond with options. One without is the zero Cond.
func NewCond(opts ...PrimitiveOption) *Cond { return &Cond{queue{name: newNamed(opts)}} }

// Wait unlocks l, waits to be woken by Signal or Broadcast, and locks l again,
// which is an operation of its own. Nobody's signal between the unlock and the
// wait is missed. When ctx ends it returns context.Cause(ctx), and where a
// signal came first, nil: l is locked in any case.
//
// As with sync.Cond, the condition may be false again when Wait returns:
//
//	for !condition() {
//		if err := c.Wait(ctx, &mu); err != nil {
//			…
//		}
//	}
func (c *Cond) Wait(ctx context.Context, l Locker) error {
	own, op := startOn(ctx, semconv.SpanWait, c.name)
	op.lock(&c.mu)
	e := c.push(own, 1)
	c.mu.Unlock()
	l.Unlock()
	err := c.park(ctx, op, e, (*queueWait)(&c.queue), semconv.ReasonCond, semconv.WakeSignaled)
	if lockErr := l.Lock(context.WithoutCancel(ctx)); lockErr != nil {
		return lockErr // a Locker of the user's; ours do not fail here
	}
	return err
}

// Signal wakes the one that has waited longest, if there is one, as who does so
// with ctx. The caller need not hold the lock.
func (c *Cond) Signal(ctx context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.waiters.Front(); e != nil {
		c.grant(e, causer{ctx})
	}
}

// Broadcast wakes all that wait, as who does so with ctx. The caller need not
// hold the lock.
func (c *Cond) Broadcast(ctx context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.grantAll(causer{ctx})
}
