package lean

import (
	"context"
	"sync"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// A burst is a group of ended spans that are handed to the processors together. A batch
// processor of the SDK wakes its goroutine for each span that comes while it sleeps,
// which costs more than to make the span. If every processor [gathers], nobody can see
// the difference.
type burst struct {
	processors func() []sdktrace.SpanProcessor

	mu    sync.Mutex
	n     int
	spans [burstSize]sdktrace.ReadOnlySpan
	due   time.Time // when a timer hands over what there is
}

// A span waits until it is one of this many, and not longer than that: batches are
// exported every few seconds.
const (
	burstSize  = 256
	burstDelay = time.Second
)

// add adds a span, and hands over what has come together.
func (b *burst) add(s sdktrace.ReadOnlySpan) (handedOver bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.spans[b.n] = s
	b.n++
	if b.n == burstSize {
		b.handOver()
		return true
	}
	// After the first span, its end is the time well enough, and costs less than
	// reading the clock.
	if b.n > 1 && b.timed(s.EndTime()) {
		return false
	}
	if now := time.Now(); !b.timed(now) {
		b.due = now.Add(burstDelay)
		time.AfterFunc(burstDelay, b.flush)
	}
	return false
}

// timed reports whether, at t, a timer is due soon. Else it is over, or is one of a
// testing/synctest bubble: that may have ended, and its timers with it.
func (b *burst) timed(t time.Time) bool {
	left := b.due.Sub(t)
	return left > 0 && left <= burstDelay
}

// flush hands over what there is.
func (b *burst) flush() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.handOver()
}

func (b *burst) handOver() {
	processors := b.processors()
	for _, s := range b.spans[:b.n] {
		for _, sp := range processors {
			sp.OnEnd(s)
		}
	}
	clear(b.spans[:b.n])
	b.n = 0
}

// ForceFlush flushes the processors, as the SDK does.
func (p *TracerProvider) ForceFlush(ctx context.Context) error {
	p.burst.flush()
	return p.TracerProvider.ForceFlush(ctx)
}
