package session

import (
	"context"
	"sync"
	"time"

	oteltrace "go.opentelemetry.io/otel/trace"

	core "github.com/wakechain/wakechain/internal/op"
	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/semconv"
)

// writeLock is held by the write whose message is being written. A library that
// serialises writers has a lock of its own behind this one, where a write then waits
// for control frames at the most. So a session knows who waits, and for whom.
type writeLock struct {
	meter *meter      // counts who waits
	mu    *sync.Mutex // the session's; guards what follows

	held    bool
	waiting int
	next    chan struct{} // hands the lock to one that waits; made for the first
	from    sender        // who handed it over
}

// tryLock locks l if nobody holds it. The caller holds mu.
func (l *writeLock) tryLock() bool {
	if l.held {
		return false
	}
	l.held = true
	return true
}

// lock locks l for op, and reports whether it did. It gives up when ctx or the
// connection ends: the library then returns the error that is due.
func (l *writeLock) lock(ctx context.Context, op trace.Op, done <-chan struct{}) bool {
	l.mu.Lock()
	if l.tryLock() {
		l.mu.Unlock()
		return true
	}
	l.waiting++
	if l.next == nil {
		l.next = make(chan struct{}, 1)
	}
	next := l.next
	l.mu.Unlock()

	l.meter.addWaiting(1)
	defer l.meter.addWaiting(-1)
	op.Block(semconv.ReasonWriteLock)
	select {
	case <-next:
		l.from.wake(op) // from is the holder's to read
		return true
	case <-ctx.Done():
		op.Wake(semconv.WakeCanceled)
	case <-done:
		op.Wake(semconv.WakeClosed)
	}
	l.giveUp()
	return false
}

// giveUp ends a wait in vain. If the lock was handed over after all, it goes on to
// the next.
func (l *writeLock) giveUp() {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.next:
		l.handOver()
	default:
		l.waiting--
	}
}

// unlock unlocks l for the write by. The caller holds mu.
func (l *writeLock) unlock(by sender) {
	l.from = by
	l.handOver()
}

// sender is an operation that held a lock: what links to it lead to, which may be
// promised only.
type sender struct {
	span  oteltrace.SpanContext
	promise *core.Promise // nil: span is known
}

// wake reports that op was woken because the operation unlocked.
func (b sender) wake(op trace.Op) {
	if b.promise != nil {
		b.span = oteltrace.SpanContext{}
	}
	core.Ref(op).Wake(time.Time{}, core.Edge{Reason: string(semconv.WakeUnlocked), By: b.span, Later: b.promise}, nil)
}

// handOver never blocks: the previous one that it handed the lock to has taken it.
func (l *writeLock) handOver() {
	if l.waiting == 0 {
		l.held = false
		return
	}
	l.waiting--
	l.next <- struct{}{}
}
