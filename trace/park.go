package trace

import (
	"container/list"
	"context"
	"sync"
	"time"

	"github.com/wakechain/wakechain/internal/live"
	"github.com/wakechain/wakechain/trace/semconv"
)

// queue has the goroutines that wait for a primitive, in the order of their calls, until
// another goroutine grants what they wait for. They park on a channel, so that a context
// can end the wait, and testing/synctest sees it.
type queue struct {
	mu      sync.Mutex // also guards the primitive's state
	waiters list.List  // of *waiter
	holder  causer     // the only holder; nobody: none, or several, or not known
	name    *named     // set before any other use
}

// SetName names the primitive as [WithName] does. It must be called before any other use.
func (q *queue) SetName(name string, opts ...PrimitiveOption) {
	q.name = newNamed(append([]PrimitiveOption{WithName(name)}, opts...))
}

// heldBy returns the holder of a lock as evidence for a wait that a context ended.
func heldBy(c causer) Detail {
	by := origin(c.ctx)
	if !by.IsValid() {
		return Detail{}
	}
	return Evidence(semconv.BlockHolderKey.String(by.SpanID().String()))
}

// causer is the caller of an operation that wakes others, identified by the context that it
// passed; nil: not known. The context is not used for anything else.
type causer struct{ ctx context.Context }

var nobody causer

// waiter is a goroutine in a queue.
type waiter struct {
	ctx     context.Context // carries its operation
	n       int64           // the weight that it waits for
	ready   chan struct{}   // closed by grant
	granted bool
	by      causer // of the grant
}

// push adds a waiter behind the others. The caller holds q.mu.
func (q *queue) push(ctx context.Context, n int64) *list.Element {
	return q.waiters.PushBack(&waiter{ctx: ctx, n: n, ready: make(chan struct{})})
}

// grant wakes a waiter with what it waits for. The caller holds q.mu.
func (q *queue) grant(e *list.Element, by causer) {
	w := q.waiters.Remove(e).(*waiter)
	w.granted, w.by = true, by
	close(w.ready)
}

// grantAll grants all waiters. The caller holds q.mu.
func (q *queue) grantAll(by causer) {
	for e := q.waiters.Front(); e != nil; e = q.waiters.Front() {
		q.grant(e, by)
	}
}

// shortestLock is less than a park for a lock of this package takes. Such a lock is held for
// some nanoseconds, or longer if its holder is preempted.
const shortestLock = 50 * time.Microsecond

// lock locks mu, a lock of this package, in an operation. A wait that is long enough to be
// a park is a block of the operation.
func (o Op) lock(mu *sync.Mutex) {
	if mu.TryLock() {
		return
	}
	start := time.Now()
	mu.Lock()
	if end := time.Now(); o.Valid() && end.Sub(start) >= shortestLock {
		o.Block(semconv.ReasonLock, At(start))
		o.Wake(semconv.WakeUnlocked, At(end))
	}
}

// park blocks the operation until the waiter is granted what it waits for, or until done,
// which is ctx.Done() or nil, is closed. on describes the primitive. If ctx wakes the
// goroutine, but the grant comes before the waiter has left the queue, park succeeds. The
// wake from a lock then names the last holder.
func (q *queue) park(ctx context.Context, done <-chan struct{}, op Op, e *list.Element, on live.Waitable, r semconv.Reason, woken semconv.WakeReason) error {
	w := e.Value.(*waiter)
	op.waitsFor(on)
	op.Block(r)
	select {
	case <-w.ready:
		op.Wake(woken, CausedBy(origin(w.by.ctx)))
	case <-done:
		q.mu.Lock()
		granted, holder := w.granted, q.holder
		if !granted {
			q.waiters.Remove(e)
		}
		q.mu.Unlock()
		if !granted {
			return op.giveUp(ctx, heldBy(holder))
		}
		if r != semconv.ReasonLock {
			w.by = nobody
		}
		op.Wake(semconv.WakeCanceled, heldBy(w.by))
	}
	op.End(nil)
	return nil
}
