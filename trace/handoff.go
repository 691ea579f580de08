package trace

import (
	"context"
	"sync"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace/semconv"
)

// handoff finds out which receiver freed a slot of the channel for a sender. Senders park
// in the runtime, so that the channel behaves exactly as a Go channel, and the runtime does
// not say which receiver woke which sender. But while a sender waits, every receiver
// registers before the sender can use the slot. The sender links to the only receive that
// may have freed it. If there are several, it links to the goroutine that ran them all, or
// to nothing.
type handoff struct {
	mu       sync.Mutex // held by a receive that does not park
	senders  int        // that wait
	makers   suspects   // receivers that may have freed a slot which no sender has used yet
	parkers  suspects   // receivers that are parked, or about to be
	closed   bool
	closedBy oteltrace.SpanContext

	sender, receiver context.Context // of the value that was received last
}

// suspects are n receivers, one of which woke a sender.
type suspects struct {
	n         int
	op        oteltrace.SpanContext // of them all; invalid: they differ
	goroutine oteltrace.SpanContext // likewise
}

func (s *suspects) add(ctx context.Context) {
	op, goroutine := origin(ctx), goroutineOf(ctx)
	if s.n++; s.n == 1 {
		s.op, s.goroutine = op, goroutine
		return
	}
	if !s.op.Equal(op) {
		s.op = oteltrace.SpanContext{}
	}
	if !s.goroutine.Equal(goroutine) {
		s.goroutine = oteltrace.SpanContext{}
	}
}

// culprit returns the span that the suspects have in common; invalid: none.
func (s *suspects) culprit() oteltrace.SpanContext {
	if s.op.IsValid() {
		return s.op
	}
	return s.goroutine
}

// blur forgets who they are.
func (s *suspects) blur() { s.op, s.goroutine = oteltrace.SpanContext{}, oteltrace.SpanContext{} }

func (s *suspects) remove() {
	if s.n--; s.n <= 0 {
		*s = suspects{}
	}
}

// received notes that a receiver took a value without parking. The caller holds
// h.mu, since before it received.
func (h *handoff) received(ctx context.Context) {
	if h.senders > 0 {
		h.makers.add(ctx)
	}
}

// passed records the sender and the receiver of a value. The caller holds h.mu.
func (h *handoff) passed(from, to context.Context, ok bool) {
	if ok {
		h.sender, h.receiver = from, to
	}
}

// passedLater is passed for callers that do not hold h.mu.
func (h *handoff) passedLater(from, to context.Context, ok bool) {
	h.mu.Lock()
	h.passed(from, to, ok)
	h.mu.Unlock()
}

// receivedBefore notes a free slot whose receiver is not known. The caller holds h.mu, and
// is about to park as a sender.
func (h *handoff) receivedBefore() {
	h.makers.n++
	h.makers.blur()
}

// parkReceiver notes that a receiver is about to park. It may find a value before it
// parks, and so free a slot. The caller holds h.mu.
func (h *handoff) parkReceiver(ctx context.Context) {
	h.parkers.add(ctx)
	if h.senders > 0 {
		h.makers.add(ctx)
	}
}

func (h *handoff) unparkReceiver() {
	h.mu.Lock()
	h.parkers.remove()
	h.mu.Unlock()
}

// parkSender notes that a sender is about to park. The caller holds h.mu.
func (h *handoff) parkSender() {
	if h.senders == 0 {
		h.makers = h.parkers
	}
	h.senders++
}

// unparkSender undoes parkSender. It returns the span of whoever woke the sender, if
// that is known.
func (h *handoff) unparkSender(woken semconv.WakeReason) oteltrace.SpanContext {
	h.mu.Lock()
	defer h.mu.Unlock()
	by := h.makers.culprit()
	h.senders--
	switch {
	case h.senders == 0:
		h.makers = suspects{}
	case woken == semconv.WakeSent:
		h.makers.remove()
	default:
		h.makers.blur() // one of them may have woken nobody
	}
	switch woken {
	case semconv.WakeSent:
		return by
	case semconv.WakeClosed:
		return h.closedBy
	default:
		return oteltrace.SpanContext{}
	}
}

// receiverWoken returns what woke a receiver.
func (h *handoff) receiverWoken(from context.Context, ok bool) (semconv.WakeReason, Detail) {
	if ok {
		return semconv.WakeReceived, CausedBy(origin(from))
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return semconv.WakeClosed, CausedBy(h.closedBy)
}

// willClose records the span of the caller of Close. Only the first one can succeed.
func (h *handoff) willClose(ctx context.Context) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.closed {
		h.closed, h.closedBy = true, origin(ctx)
	}
}
