package trace_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/tracetest"
)

func TestSleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, rec := record(t)
		start := time.Now()
		for _, d := range []time.Duration{3 * ms, 0, -1} {
			if err := trace.Sleep(ctx, d); err != nil {
				t.Errorf("Sleep(%v): got %v, want nil", d, err)
			}
		}
		if err := trace.Sleep(caused(ctx, ms, errEnough), time.Hour); err != errEnough {
			t.Errorf("got %v, want %v", err, errEnough)
		}
		if got := time.Since(start); got != 4*ms {
			t.Errorf("slept for %v, want 4ms", got)
		}
		tracetest.AssertTree(t, rec.Chain(), `
			sleep @0s 3ms
				block @0s 3ms {block.reason=sleep}
				wake @3ms 0s {wake.reason=timer}
			sleep @3ms 1ms
				block @3ms 1ms {block.reason=sleep}
				wake @4ms 0s {wake.reason=canceled}
		`, shape...)
		ctx, rec = record(t, trace.WithAllOps())
		_ = trace.Sleep(ctx, 0)
		tracetest.AssertTree(t, rec.Chain(), `
			sleep @0s 0s
		`, shape...)
	})
}

func TestAfterFunc(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, rec := record(t)
		_ = trace.Handle(ctx, "main", func(ctx context.Context) error {
			late := func(ctx context.Context) error { return trace.Sleep(ctx, ms) }
			timer := trace.AfterFunc(ctx, 2*ms, "late", late)
			timer.Reset(5 * ms)
			if !trace.AfterFunc(ctx, ms, "never", late).Stop() {
				t.Error("Stop: got false, want true")
			}
			time.Sleep(10 * ms)
			return nil
		})
		// What late is blocked for is not main's.
		tracetest.AssertTree(t, rec.Chain(), `
			main @0s 10ms {goroutine.id, goroutine.name=main, goroutine.state=finished}
				late @5ms 1ms {block.duration=0.001, goroutine.blocked.sleep=0.001, goroutine.id, goroutine.name=late, goroutine.running=0, goroutine.state=finished, block.longest.duration=0.001, block.longest.reason=sleep} -> sleep
					sleep @5ms 1ms {block.duration=0.001}
						block @5ms 1ms {block.reason=sleep}
						wake @6ms 0s {wake.reason=timer}
		`, whole...)
	})
}

func TestAfterDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, rec := record(t)
		ctx, op := trace.Start(ctx, "op")
		ctx, cancel := context.WithCancel(ctx)
		trace.AfterDone(ctx, "cleanup", func(ctx context.Context) error { return trace.Sleep(ctx, ms) })
		stop := trace.AfterDone(ctx, "never", func(context.Context) error { return nil })
		if !stop() || stop() {
			t.Error("stop: want true, and then false")
		}
		time.Sleep(2 * ms)
		cancel()
		time.Sleep(2 * ms)
		op.End(nil)
		tracetest.AssertTree(t, rec.Chain(), `
			op @0s 4ms
				cleanup @2ms 1ms {goroutine.state=finished} -> sleep
					sleep @2ms 1ms
						block @2ms 1ms {block.reason=sleep}
						wake @3ms 0s {wake.reason=timer}
		`, shape...)
	})
}

func TestTick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, rec := record(t)
		n := 0
		err := trace.Tick(ctx, 2*ms, "beat", func(context.Context) error {
			if n++; n == 2 {
				return errEnough
			}
			return nil
		})
		if err != errEnough {
			t.Errorf("got %v, want %v", err, errEnough)
		}
		tracetest.AssertTree(t, rec.Chain(), `
			sleep @0s 2ms
				block @0s 2ms {block.reason=sleep}
				wake @2ms 0s {wake.reason=timer}
			beat @2ms 0s {goroutine.state=finished}
			sleep @2ms 2ms
				block @2ms 2ms {block.reason=sleep}
				wake @4ms 0s {wake.reason=timer}
			beat @4ms 0s {status=error, error.type=_OTHER, goroutine.state=failed}
		`, shape...)
		err = trace.Tick(caused(ctx, ms, errEnough), 2*ms, "beat", func(context.Context) error { return nil })
		if err != errEnough {
			t.Errorf("got %v, want %v", err, errEnough)
		}
	})
	samePanic(t, "Tick", func() { time.NewTicker(0) }, func() { _ = trace.Tick(t.Context(), 0, "beat", nil) })
}
