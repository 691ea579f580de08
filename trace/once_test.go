package trace_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wakechain/wakechain/trace"
)

func TestOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, rec := record(t.Context())
		var o trace.Once
		var calls atomic.Int64
		do := func(ctx context.Context) error {
			return o.Do(ctx, func() { calls.Add(1); time.Sleep(10 * ms) })
		}
		go1(ctx, "a", 0, do)
		go1(ctx, "b", ms, do)
		gaveUp := go1(caused(ctx, 3*ms, errEnough), "gives_up", 2*ms, do)
		go1(ctx, "late", 11*ms, do)
		time.Sleep(time.Second)
		if calls.Load() != 1 || gaveUp.Err() != errEnough {
			t.Errorf("got %d calls and %v, want 1 and %v", calls.Load(), gaveUp.Err(), errEnough)
		}
		wantShape(t, rec, `
		go a 0-0
		  a 0-10 finished
		go b 0-0
		  b 0-10 finished
		  lock 1-10
		    block 1-10 lock
		    wake 10-10 unlocked -> go a
		go gives_up 0-0
		  gives_up 0-3 cancelled
		  lock 2-3
		    block 2-3 lock
		    wake 3-3 canceled
		go late 0-0
		  late 0-11 finished
		`)
	})
}

func TestOncePanic(t *testing.T) {
	var o trace.Once
	var bare sync.Once
	boom := func() { panic("boom") }
	samePanic(t, "Do", func() { bare.Do(boom) }, func() { _ = o.Do(t.Context(), boom) })
	if err := o.Do(t.Context(), boom); err != nil {
		t.Errorf("after a panic: got %v, want nil: it is done", err)
	}
}

func TestOnceConcurrentSafe(t *testing.T) {
	var o trace.Once
	var wg sync.WaitGroup
	n := 0
	for range 8 {
		wg.Go(func() {
			if err := o.Do(t.Context(), func() { n++ }); err != nil {
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
	wantAllocs(t, 0, func(ctx context.Context) { _ = o.Do(ctx, func() {}) })
}
