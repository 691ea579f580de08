package op

import (
	"sync/atomic"

	oteltrace "go.opentelemetry.io/otel/trace"
)

// Promise is the span of an operation that is to have one once its sinks are told what
// is kept. Wakes that are due to it carry it in place of the span context. Methods are
// safe for concurrent use.
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

// Keep tells the sinks what is kept, and keeps the promise. The operation must not be
// inside code that holds locks any more, and must not have ended. A nil Promise does
// nothing.
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
