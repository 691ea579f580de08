package trace_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wakechain/wakechain/trace"
)

func TestSleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, rec := record(t.Context())
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
		wantShape(t, rec, `
		sleep 0-3
		  block 0-3 sleep
		  wake 3-3 timer
		sleep 3-4
		  block 3-4 sleep
		  wake 4-4 canceled
		`)
		ctx, rec = record(t.Context(), trace.WithAllOps())
		_ = trace.Sleep(ctx, 0)
		wantShape(t, rec, `sleep 0-0`)
	})
}

func TestAfterFunc(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, rec := record(t.Context())
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
		wantTree(t, rec, `
		go main 0-0 goroutine.id=ID goroutine.name=main
		  main 0-10 goroutine.id=ID goroutine.name=main goroutine.state=finished
		  go late 5-5 goroutine.id=ID goroutine.name=late
		    sleep 5-6 block.count=1 block.duration=0.001
		      block 5-6 block.reason=sleep
		      wake 6-6 wake.reason=timer
		    late 5-6 block.count=1 block.duration=0.001 goroutine.blocked.sleep=0.001 goroutine.id=ID goroutine.name=late goroutine.running=0 goroutine.state=finished
		`)
	})
}

func TestAfterDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, rec := record(t.Context())
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
		wantShape(t, rec, `
		op 0-4
		  go cleanup 2-2
		    sleep 2-3
		      block 2-3 sleep
		      wake 3-3 timer
		    cleanup 2-3 finished
		`)
	})
}

func TestTick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, rec := record(t.Context())
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
		wantShape(t, rec, `
		sleep 0-2
		  block 0-2 sleep
		  wake 2-2 timer
		go beat 2-2
		  beat 2-2 finished
		sleep 2-4
		  block 2-4 sleep
		  wake 4-4 timer
		go beat 4-4
		  beat 4-4 Error _OTHER failed
		`)
		err = trace.Tick(caused(ctx, ms, errEnough), 2*ms, "beat", func(context.Context) error { return nil })
		if err != errEnough {
			t.Errorf("got %v, want %v", err, errEnough)
		}
	})
	samePanic(t, "Tick", func() { time.NewTicker(0) }, func() { _ = trace.Tick(t.Context(), 0, "beat", nil) })
}
