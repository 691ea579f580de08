package session

import (
	"context"
	"sync"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/semconv"
)

// turn is a lock that is held by the operation whose turn it is. The library
// has a lock of its own behind it, which then has to wait for its own control
// frames at the most: so that who waits, and for whom, is known here.
type turn struct {
	meter *meter      // of who waits
	mu    *sync.Mutex // the session's; guards what follows

	held    bool
	waiting int
	next    chan struct{}         // the turn, for one that waits; made for the first
	passed  oteltrace.SpanContext // by whom, to that one
}

// take takes the turn if it is nobody's. The caller holds mu.
func (t *turn) take() bool {
	if t.held {
		return false
	}
	t.held = true
	return true
}

// wait waits for op's turn, and reports whether it came. It gives up when ctx
// or the connection ends: the library then says what is to be said.
func (t *turn) wait(ctx context.Context, op trace.Op, done <-chan struct{}) bool {
	t.mu.Lock()
	if t.take() {
		t.mu.Unlock()
		return true
	}
	t.waiting++
	if t.next == nil {
		t.next = make(chan struct{}, 1)
	}
	next := t.next
	t.mu.Unlock()

	t.meter.waits(ctx, 1)
	defer t.meter.waits(ctx, -1)
	op.Block(semconv.ReasonWriteLock)
	select {
	case <-next:
		op.Wake(semconv.WakeUnlocked, trace.CausedBy(t.passed)) // which is the holder's to read
		return true
	case <-ctx.Done():
		op.Wake(semconv.WakeCanceled)
	case <-done:
		op.Wake(semconv.WakeClosed)
	}
	t.giveUp()
	return false
}

// giveUp ends a wait in vain. Where the turn came after all, it goes on.
func (t *turn) giveUp() {
	t.mu.Lock()
	defer t.mu.Unlock()
	select {
	case <-t.next:
		t.passOn()
	default:
		t.waiting--
	}
}

// pass ends the turn of the operation by. The caller holds mu.
func (t *turn) pass(by call) {
	if t.waiting > 0 {
		t.passed = by.origin()
	}
	t.passOn()
}

// passOn never blocks: who was passed the turn last has taken it.
func (t *turn) passOn() {
	if t.waiting == 0 {
		t.held = false
		return
	}
	t.waiting--
	t.next <- struct{}{}
}
