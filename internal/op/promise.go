package op

import (
	"sync/atomic"

	oteltrace "go.opentelemetry.io/otel/trace"
)

// Promise is the span that an operation will have once its kept events are delivered.
// Wakes that it caused carry it in place of the span context. Methods are safe for
// concurrent use.
type Promise struct {
	of Ref
	sc atomic.Pointer[oteltrace.SpanContext]
}

// Promise returns the promise of the operation's span; nil if it has one, or if nothing
// is kept that could begin one.
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

// Keep delivers the kept events, and keeps the promise. The operation must be outside
// code that holds locks, and must not have ended. A nil Promise does nothing.
func (p *Promise) Keep() {
	if p != nil {
		p.of.Release()
		sc := p.of.SpanContext()
		p.sc.Store(&sc)
	}
}

// spanContext returns the span that was promised; invalid: there is none yet.
func (p *Promise) spanContext() (sc oteltrace.SpanContext) {
	if kept := p.sc.Load(); kept != nil {
		return *kept
	}
	return p.of.SpanContext()
}

// Now returns the promised span, and begins it if that is possible by now. Like
// [Promise.Keep] it hands pending events to the sinks, on a goroutine that is not the
// operation's and holds no lock. Later events are kept again.
func (p *Promise) Now() (sc oteltrace.SpanContext) {
	if p == nil {
		return sc
	}
	if sc = p.spanContext(); !sc.IsValid() {
		sc = p.of.Now()
	}
	return sc
}

// Now is [Promise.Now] for the operation. It returns an invalid span for a stale Ref.
func (f Ref) Now() (sc oteltrace.SpanContext) {
	f.Release()
	sc = f.SpanContext()
	f.Hold()
	return sc
}
