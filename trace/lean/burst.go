package lean

import (
	"context"
	"sync"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// A burst is spans that have ended and are handed to the processors together. A
// batch processor of the SDK wakes its goroutine for each span that comes while it
// sleeps, which costs more than to make the span; and nobody can tell the
// difference where every processor is one.
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
	burstSize  = 64
	burstDelay = time.Second
)

// add adds a span, and hands over what has come together.
func (b *burst) add(s sdktrace.ReadOnlySpan) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.spans[b.n] = s
	b.n++
	switch b.n {
	case burstSize:
		b.handOver()
	case 1:
		// What is due later than that is so in a testing/synctest bubble, which may
		// have ended.
		now := time.Now()
		if left := b.due.Sub(now); left <= 0 || left > burstDelay {
			b.due = now.Add(burstDelay)
			time.AfterFunc(burstDelay, b.flush)
		}
	}
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
