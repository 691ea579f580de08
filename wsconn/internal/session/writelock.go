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
// serialises writers has its own lock behind this one, where a write then waits for
// control frames only. With this one, a session can report which write waits for which.
type writeLock struct {
	meter *meter      // counts waiting writes
	mu    *sync.Mutex // the session's; guards what follows

	held    bool
	waiting int
	next    chan struct{} // hands the lock to a waiting write; nil before the first
	from    sender        // the operation that handed the lock over
}

// tryLock locks l if it is free. The caller holds mu.
func (l *writeLock) tryLock() bool {
	if l.held {
		return false
	}
	l.held = true
	return true
}

// lock locks l for op, and reports whether it did. It gives up when ctx ends or the
// connection closes; then the library returns the error.
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
		l.from.wake(op) // only the holder reads from
		return true
	case <-ctx.Done():
		op.Wake(semconv.WakeCanceled)
	case <-done:
		op.Wake(semconv.WakeClosed)
	}
	l.giveUp()
	return false
}

// giveUp ends a wait. If the lock was handed over meanwhile, the next write gets it.
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

// sender is an operation that held a lock: its span, for links, or the promise of one.
type sender struct {
	span    oteltrace.SpanContext
	promise *core.Promise // nil: span is known
}

// wake reports that op was woken because the operation unlocked.
func (b sender) wake(op trace.Op) {
	if b.promise != nil {
		b.span = oteltrace.SpanContext{}
	}
	core.Ref(op).Wake(time.Time{}, core.Edge{Reason: string(semconv.WakeUnlocked), By: b.span, Later: b.promise}, nil)
}

// handOver passes l to a waiting write. It never blocks: the previous receiver has
// taken its turn.
func (l *writeLock) handOver() {
	if l.waiting == 0 {
		l.held = false
		return
	}
	l.waiting--
	l.next <- struct{}{}
}
