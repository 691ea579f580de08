package trace_test

import (
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/tracetest"
)

// Whatever is called in whatever order, block and wake alternate and tile the
// operation, and the totals count what was blocked.
func TestOpTiles(t *testing.T) {
	for seed := range uint64(300) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 0))
			minBlock := time.Duration(r.IntN(2)*r.IntN(5)) * ms
			ctx, rec := record(t, trace.WithMinBlock(minBlock))
			start := time.Now()
			_, op := trace.Start(ctx, "op")

			last, blockedAt := start, time.Time{}
			blocks, blocked := 0, time.Duration(0)
			edge := func() (time.Time, []trace.Detail) { // the model's, and the call's
				now := time.Now()
				var d []trace.Detail
				if r.IntN(2) == 0 {
					now = start.Add(time.Duration(r.IntN(30)) * ms)
					d = append(d, trace.At(now))
				}
				if now.Before(last) {
					now = last
				}
				return now, d
			}
			for range r.IntN(30) {
				time.Sleep(time.Duration(r.IntN(4)) * ms)
				at, details := edge()
				switch r.IntN(2) {
				case 0:
					op.Block(semconv.ReasonSleep, details...)
					if blockedAt.IsZero() {
						blockedAt, last = at, at
					}
				case 1:
					op.Wake(semconv.WakeTimer, details...)
					if !blockedAt.IsZero() {
						blocks, blocked = blocks+1, blocked+at.Sub(blockedAt)
						blockedAt, last = time.Time{}, at
					}
				}
			}
			op.End(nil)
			end := time.Now()
			if end.Before(last) {
				end = last
			}
			if !blockedAt.IsZero() {
				blocks, blocked = blocks+1, blocked+end.Sub(blockedAt)
			}

			c := rec.Chain()
			span := tracetest.One(t, c, "op")
			wantTiled(t, c, span, minBlock)
			if t.Failed() {
				t.Errorf("seed %d", seed)
			}
			if got := span.End; !got.Equal(end) {
				t.Errorf("seed %d: ends at %v, want %v", seed, got.Sub(start), end.Sub(start))
			}
			if got, ok := span.Attr(semconv.BlockCountKey); ok != (blocks > 1) || ok && got.AsInt64() != int64(blocks) {
				t.Errorf("seed %d: block.count: got %v, want %d or, where they are not several, none", seed, got, blocks)
			}
			if got := span.Float(semconv.BlockDurationKey); got != blocked.Seconds() {
				t.Errorf("seed %d: block.duration: got %v, want %v", seed, got, blocked.Seconds())
			}
		})
	}
}

// wantTiled checks the shape of the one operation that was recorded, apart from
// what was started inside it. A span of no duration is one of a fake clock.
func wantTiled(t *testing.T, c *chain.Chain, op *chain.Span, minBlock time.Duration) {
	t.Helper()
	tracetest.AssertTiled(t, op)
	for _, s := range c.Spans {
		switch {
		case !s.Is(semconv.SpanBlock) && !s.Is(semconv.SpanWake):
		case s.Parent != op:
			t.Errorf("%s is not a child of the operation", s)
		case s.End.Before(s.Start), s.Is(semconv.SpanBlock) && s.Duration() < minBlock:
			t.Errorf("%s lasts %v", s, s.End.Sub(s.Start))
		}
	}
}

// On a real clock, however coarse, every span lasts and the tiles still fit.
func TestOpRealClock(t *testing.T) {
	ctx, rec := record(t)
	_, op := trace.Start(ctx, "op")
	for range 100 {
		op.Block(semconv.ReasonSleep, trace.At(time.Now().Add(-time.Hour)))
		op.Wake(semconv.WakeTimer)
	}
	op.End(nil)
	c := rec.Chain()
	wantTiled(t, c, tracetest.One(t, c, "op"), 0)
	for _, s := range c.Spans {
		if s.Duration() < 1 {
			t.Errorf("%s lasts %v, want 1ns at least", s, s.Duration())
		}
	}
	if got := c.Len(); got != 201 {
		t.Errorf("got %d spans, want 201", got)
	}
}

func TestOpConcurrentSafe(t *testing.T) {
	ctx, rec := record(t)
	_, op := trace.Start(ctx, "op")
	shared := make([]attribute.KeyValue, 1, 8) // room that nobody may write to
	shared[0] = attribute.Int("n", 1)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for range 200 {
				op.Block(semconv.ReasonSleep, trace.Evidence(shared...))
				op.SetAttributes(shared...)
				_ = op.Wants(time.Duration(g))
				_, inner := trace.Start(op.Context(), "inner", shared...)
				inner.EndAs("x", shared...)
				op.Wake(semconv.WakeTimer, trace.CausedBy(op.SpanContext()))
				op.WokenBy(op.SpanContext())
				op.Link(op.SpanContext())
			}
			op.End(nil, shared...)
		})
	}
	wg.Wait()
	c := rec.Chain()
	wantTiled(t, c, tracetest.One(t, c, "op"), 0)
}
