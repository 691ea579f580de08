package op

import (
	"sync/atomic"

	oteltrace "go.opentelemetry.io/otel/trace"
)

// Promise is the span that an operation will have once its queued events are delivered.
// The wakes that the operation causes carry it in place of the span context. Methods
// are safe for concurrent use.
type Promise struct {
	of Ref
	sc atomic.Pointer[oteltrace.SpanContext]
}

// Promise returns the promise of the operation's span; nil if it has one, or if no
// queued event could begin one.
func (f Ref) Promise() *Promise {
	r := f.lock()
	if r == nil {
		return nil
	}
	defer r.mu.Unlock()
	if r.span != nil || !r.pending() && r.state != blocked {
		return nil
	}
	return &Promise{of: f}
}

// Keep delivers the queued events and sets the promised span. The operation must be
// outside code that holds locks, and must not have ended. A nil Promise does nothing.
func (p *Promise) Keep() {
	if p != nil {
		p.of.Release()
		sc := p.of.SpanContext()
		p.sc.Store(&sc)
	}
}

// spanContext returns the promised span; invalid: there is none yet.
func (p *Promise) spanContext() (sc oteltrace.SpanContext) {
	if kept := p.sc.Load(); kept != nil {
		return *kept
	}
	return p.of.SpanContext()
}

// Now returns the promised span, and begins it if possible. Like [Promise.Keep] it
// delivers queued events, and must be called on a goroutine other than the operation's
// that holds no lock. Later events are queued again.
func (p *Promise) Now() (sc oteltrace.SpanContext) {
	if p == nil {
		return sc
	}
	if sc = p.spanContext(); !sc.IsValid() {
		sc = p.of.Now()
	}
	return sc
}

// Now is [Promise.Now] for an operation without a promise. It returns an invalid span
// context for a stale Ref.
func (f Ref) Now() (sc oteltrace.SpanContext) {
	f.Release()
	sc = f.SpanContext()
	f.Hold()
	return sc
}
