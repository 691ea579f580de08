package session

import (
	"context"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace"
)

// turn is a lock that is held by the operation whose turn it is. The library
// has a lock of its own behind it, which then has to wait for its own control
// frames at the most: so that who waits, and for whom, is known here.
type turn struct {
	held   chan struct{}
	passed *oteltrace.SpanContext // by whom last; the holder's to read and write
	meter  *meter                 // of who waits
}

func newTurn() turn {
	return turn{held: make(chan struct{}, 1), passed: new(oteltrace.SpanContext)}
}

// wait waits for op's turn, and reports whether it came. It gives up when ctx
// or the connection ends: the library then says what is to be said.
func (t turn) wait(ctx context.Context, op *trace.Op, done <-chan struct{}) bool {
	select {
	case t.held <- struct{}{}:
		return true
	default:
	}
	t.meter.waits(ctx, 1)
	defer t.meter.waits(ctx, -1)
	op.Block(trace.ReasonWriteLock)
	select {
	case t.held <- struct{}{}:
		op.Wake(trace.WakeUnlocked, trace.CausedBy(*t.passed))
		return true
	case <-ctx.Done():
		op.Wake(trace.WakeCanceled)
	case <-done:
		op.Wake(trace.WakeClosed)
	}
	return false
}

// pass ends the turn of the operation by.
func (t turn) pass(by oteltrace.SpanContext) {
	*t.passed = by
	<-t.held
}
