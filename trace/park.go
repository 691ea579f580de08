package trace

import (
	"container/list"
	"context"
	"sync"
	"time"

	"github.com/wakechain/wakechain/internal/live"
	"github.com/wakechain/wakechain/trace/semconv"
)

// queue is where goroutines are parked, in the order in which they came, until
// another one grants what they wait for: the half of every lock here that
// blocks. It parks on a channel, so that a context can end the wait, and so that
// testing/synctest sees it.
type queue struct {
	mu      sync.Mutex // also guards the state of what is waited for
	waiters list.List  // of *waiter
	holder  causer     // the only one that has it; nobody: none, or several, or not known
	name    *named     // set before it is used
}

// SetName names it as [WithName] does, before it is used.
func (q *queue) SetName(name string, opts ...PrimitiveOption) {
	q.name = newNamed(append([]PrimitiveOption{WithName(name)}, opts...))
}

// heldBy names the holder of what an operation gave up waiting for.
func heldBy(c causer) Detail {
	by := origin(c.ctx)
	if !by.IsValid() {
		return Detail{}
	}
	return Evidence(semconv.BlockHolderKey.String(by.SpanID().String()))
}

// causer is the caller of an operation that wakes others, known by the context that it
// passed; a nil ctx is unknown. It must not be passed on as a context.
type causer struct{ ctx context.Context }

var nobody causer

// waiter is a goroutine in a queue.
type waiter struct {
	ctx     context.Context // carries its operation
	n       int64           // how much it waits for
	ready   chan struct{}   // closed when that was granted
	granted bool
	by      causer // of the grant
}

// push adds a waiter behind the others. The caller holds q.mu.
func (q *queue) push(ctx context.Context, n int64) *list.Element {
	return q.waiters.PushBack(&waiter{ctx: ctx, n: n, ready: make(chan struct{})})
}

// grant lets a waiter go on. The caller holds q.mu.
func (q *queue) grant(e *list.Element, by causer) {
	w := q.waiters.Remove(e).(*waiter)
	w.granted, w.by = true, by
	close(w.ready)
}

// grantAll lets all go on. The caller holds q.mu.
func (q *queue) grantAll(by causer) {
	for e := q.waiters.Front(); e != nil; e = q.waiters.Front() {
		q.grant(e, by)
	}
}

// shortestLock is less than it takes to park for a lock of ours. These are held for
// some nanoseconds, or for as long as their holder has lost its processor.
const shortestLock = 50 * time.Microsecond

// lock locks mu, a lock of ours, in an operation. A wait that is long enough to be a
// park is a block of it.
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

// park blocks the operation until the waiter is granted what it waits for, or until
// done is closed. done is that of ctx, or nil. on describes what it waits for. If ctx
// woke the goroutine, but the grant came before the waiter could leave the queue, park
// succeeds all the same; of a lock the wake then names the last holder.
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
