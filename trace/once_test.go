package trace_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/tracetest"
)

func TestOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, rec := record(t)
		var o trace.Once
		var calls atomic.Int64
		do := func(ctx context.Context) error {
			return o.DoContext(ctx, func() { calls.Add(1); time.Sleep(10 * ms) })
		}
		go1(ctx, "a", 0, do)
		go1(ctx, "b", ms, do)
		gaveUp := go1(caused(ctx, 3*ms, errEnough), "gives_up", 2*ms, do)
		go1(ctx, "late", 11*ms, do)
		time.Sleep(time.Second)
		if calls.Load() != 1 || gaveUp.Err() != errEnough {
			t.Errorf("got %d calls and %v, want 1 and %v", calls.Load(), gaveUp.Err(), errEnough)
		}
		tracetest.AssertTree(t, rec.Chain(), `
			a @0s 10ms {goroutine.state=finished}
			b @0s 10ms {goroutine.state=finished}
				lock @1ms 9ms
					block @1ms 9ms {block.reason=lock}
					wake @10ms 0s {wake.reason=unlocked} -> a
			gives_up @0s 3ms {goroutine.state=canceled}
				lock @2ms 1ms
					block @2ms 1ms {block.reason=lock}
					wake @3ms 0s {wake.reason=canceled}
			late @0s 11ms {goroutine.state=finished}
		`, shape...)
	})
}

func TestOncePanic(t *testing.T) {
	var o trace.Once
	var bare sync.Once
	boom := func() { panic("boom") }
	samePanic(t, "Do", func() { bare.Do(boom) }, func() { _ = o.DoContext(t.Context(), boom) })
	if err := o.DoContext(t.Context(), boom); err != nil {
		t.Errorf("after a panic: got %v, want nil: it is done", err)
	}
}

func TestOnceConcurrentSafe(t *testing.T) {
	var o trace.Once
	var wg sync.WaitGroup
	n := 0
	for range 8 {
		wg.Go(func() {
			if err := o.DoContext(t.Context(), func() { n++ }); err != nil {
				t.Error(err)
			}
			if n != 1 {
				t.Errorf("got %d, want 1", n)
			}
		})
	}
	wg.Wait()
}

func TestOnceAllocs(t *testing.T) {
	var o trace.Once
	wantAllocs(t, 0, func(ctx context.Context) { _ = o.DoContext(ctx, func() {}) })
}
