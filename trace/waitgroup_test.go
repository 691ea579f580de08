package trace_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/tracetest"
)

func TestWaitGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, rec := record(t)
		var wg trace.WaitGroup
		if err := wg.WaitContext(ctx); err != nil {
			t.Errorf("zero value: got %v, want nil", err)
		}
		for i := range 2 {
			wg.Go(ctx, fmt.Sprint("worker", i), func(context.Context) error {
				time.Sleep(time.Duration(i+1) * ms)
				return nil
			})
		}
		if err := wg.WaitContext(caused(ctx, ms/2, errEnough)); err != errEnough {
			t.Errorf("got %v, want %v", err, errEnough)
		}
		if err := wg.WaitContext(ctx); err != nil {
			t.Errorf("got %v, want nil", err)
		}
		tracetest.AssertTree(t, rec.Chain(), `
			worker0 @0s 1ms {goroutine.state=finished}
			worker1 @0s 2ms {goroutine.state=finished}
			wait @0s 500µs
				block @0s 500µs {block.reason=waitgroup}
				wake @500µs 0s {wake.reason=canceled}
			wait @500µs 1.5ms
				block @500µs 1.5ms {block.reason=waitgroup}
				wake @2ms 0s {wake.reason=done} -> worker1
		`, shape...)
	})
}

func TestWaitGroupAllOps(t *testing.T) {
	ctx, rec := record(t, trace.WithAllOps())
	var wg trace.WaitGroup
	_ = wg.WaitContext(ctx)
	tracetest.AssertTree(t, rec.Chain(), `wait`)
}

func TestWaitGroupPanics(t *testing.T) {
	samePanic(t, "Add", func() { new(sync.WaitGroup).Add(-1) }, func() { new(trace.WaitGroup).Add(-1) })
	samePanic(t, "Done", func() { new(sync.WaitGroup).Done() }, func() { new(trace.WaitGroup).Done(t.Context()) })
}

func TestWaitGroupSame(t *testing.T) {
	if race {
		t.Skip("the race detector reports an Add while another one waits for nothing, as it should")
	}
	do := func(add func(int), done, wait func(), r *rand.Rand, rest func(int)) string {
		if n, slots := r.IntN(3), 1+r.IntN(3); n > 0 {
			add(n)
			for range n {
				rest(slots)
				done()
			}
			return fmt.Sprint("did ", n)
		}
		wait()
		return "waited"
	}
	same(t, func() step {
		var wg sync.WaitGroup
		return func(_ context.Context, r *rand.Rand, rest func(int)) string {
			return do(wg.Add, wg.Done, wg.Wait, r, rest)
		}
	}, func() step {
		var wg trace.WaitGroup
		return func(ctx context.Context, r *rand.Rand, rest func(int)) string {
			ctx = context.WithoutCancel(ctx) // the bare one has no end
			return do(wg.Add, func() { wg.Done(ctx) }, func() { _ = wg.WaitContext(ctx) }, r, rest)
		}
	})
}

func TestWaitGroupConcurrentSafe(t *testing.T) {
	ctx, _ := record(t)
	var wg trace.WaitGroup
	var mu sync.Mutex
	n := 0
	for range 50 {
		wg.Go(ctx, "g", func(context.Context) error {
			mu.Lock()
			defer mu.Unlock()
			n++
			return nil
		})
	}
	var waits sync.WaitGroup
	for range 4 {
		waits.Go(func() {
			if err := wg.WaitContext(ctx); err != nil {
				t.Error(err)
			}
			if n != 50 { // without a lock: Wait is enough
				t.Errorf("got %d, want 50", n)
			}
		})
	}
	waits.Wait()
}
