package lean

import (
	"context"
	"sync"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// A burst is a group of ended spans that the processors get together. A batch processor of
// the SDK wakes its goroutine for each span that it gets while that sleeps, which costs more
// than making the span. If every processor [gathers], it makes no difference.
type burst struct {
	processors func() []sdktrace.SpanProcessor

	mu    sync.Mutex
	n     int
	spans [burstSize]sdktrace.ReadOnlySpan
	due   time.Time // when a timer flushes
}

// The limits of a burst. Batches are exported every few seconds anyway.
const (
	burstSize  = 256
	burstDelay = time.Second
)

// add adds a span, and hands over a full burst.
func (b *burst) add(s sdktrace.ReadOnlySpan) (handedOver bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.spans[b.n] = s
	b.n++
	if b.n == burstSize {
		b.handOver()
		return true
	}
	// Behind the first span, the end of a span is close enough to the time, and costs
	// less than reading the clock.
	if b.n > 1 && b.timed(s.EndTime()) {
		return false
	}
	if now := time.Now(); !b.timed(now) {
		b.due = now.Add(burstDelay)
		time.AfterFunc(burstDelay, b.flush)
	}
	return false
}

// timed reports whether, at t, a timer is due soon. If not, there is none, or it belongs to
// a testing/synctest bubble, which may have ended with its timers.
func (b *burst) timed(t time.Time) bool {
	left := b.due.Sub(t)
	return left > 0 && left <= burstDelay
}

// flush hands over the spans so far.
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
