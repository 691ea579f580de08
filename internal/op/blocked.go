package op

import (
	"time"

	oteltrace "go.opentelemetry.io/otel/trace"
)

// Blocked returns for how long the operation has been blocked in all, in blocks that
// are over. It is 0 for a stale Ref.
func (f Ref) Blocked() (d time.Duration) {
	if r := f.lock(); r != nil {
		d = r.blocked
		r.mu.Unlock()
	}
	return d
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
