package trace

import (
	"context"
	"time"

	"github.com/wakechain/wakechain/trace/semconv"
)

// Ticker is time.Ticker with a wait that is recorded: an operation, [semconv.SpanSleep],
// whose wake's reason is [semconv.WakeTimer]. To run a function at each tick, see [Tick].
// Methods are safe for concurrent use.
type Ticker struct {
	t    *time.Ticker
	name *named
}

// NewTicker returns a Ticker that ticks every d. It panics unless d is positive. A
// slow receiver misses ticks.
func NewTicker(d time.Duration, opts ...PrimitiveOption) *Ticker {
	return &Ticker{time.NewTicker(d), newNamed(opts)}
}

// Wait waits for the next tick, and returns its time. If ctx ends before, it returns
// context.Cause(ctx).
func (t *Ticker) Wait(ctx context.Context) (time.Time, error) {
	if !emitsAll(ctx) {
		if at, _, done := take(t.t.C); done {
			return at, nil
		}
	}
	_, op := startOn(ctx, semconv.SpanSleep, t.name)
	return awaitTick(ctx, op, t.t.C)
}

// CaseTick is chosen at the next tick. *at becomes its time, unless at is nil.
func (t *Ticker) CaseTick(at *time.Time) Case { return Case{on: (*tickerRecv)(t), v: at} }

// Reset stops the ticker and makes it tick every d from now on.
func (t *Ticker) Reset(d time.Duration) { t.t.Reset(d) }

// Stop ends the ticks. It does not end a wait for one.
func (t *Ticker) Stop() { t.t.Stop() }
