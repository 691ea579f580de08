package trace_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/tracetest"
)

func TestFuture(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, rec := record(t)
		var f trace.Future[int]
		await := func(ctx context.Context) error { _, err := f.Await(ctx); return err }
		go1(ctx, "a", 0, await)
		gaveUp := go1(caused(ctx, 2*ms, errEnough), "gives_up", ms, await)
		f.Then(ctx, "callback", func(_ context.Context, v int, err error) error {
			if v != 7 || err != nil {
				t.Errorf("callback: got %v and %v, want 7", v, err)
			}
			return nil
		})
		go1(ctx, "b", 3*ms, func(ctx context.Context) error {
			if f.Settled() || !f.Resolve(ctx, 7) || f.Resolve(ctx, 8) || f.Reject(ctx, errEnough) || !f.Settled() {
				t.Error("want the first to settle it alone")
			}
			return nil
		})
		time.Sleep(4 * ms)
		if v, err := f.Await(ctx); v != 7 || err != nil {
			t.Errorf("got %v and %v, want 7", v, err)
		}
		f.Then(ctx, "late", func(_ context.Context, v int, _ error) error { return fmt.Errorf("%d", v) })
		synctest.Wait()
		if err := gaveUp.Err(); err != errEnough {
			t.Errorf("got %v, want %v", err, errEnough)
		}
		tracetest.AssertTree(t, rec.Chain(), `
			a @0s 3ms {goroutine.state=finished}
				await @0s 3ms
					block @0s 3ms {block.reason=future}
					wake @3ms 0s {wake.reason=resolved} -> b
			gives_up @0s 2ms {goroutine.state=canceled}
				await @1ms 1ms
					block @1ms 1ms {block.reason=future}
					wake @2ms 0s {wake.reason=canceled}
			b @0s 3ms {goroutine.state=finished}
			callback @3ms 0s {goroutine.state=finished}
			late @4ms 0s {status=error, error.type=_OTHER, goroutine.state=failed}
		`, shape...)
	})
}

func TestFutureReject(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, rec := record(t, trace.WithAllOps())
		var f trace.Future[string]
		time.AfterFunc(ms, func() { f.Reject(ctx, errEnough) })
		for range 2 {
			if v, err := f.Await(ctx); v != "" || err != errEnough {
				t.Errorf("got %q and %v, want %v", v, err, errEnough)
			}
		}
		tracetest.AssertTree(t, rec.Chain(), `
			await @0s 1ms
				block @0s 1ms {block.reason=future}
				wake @1ms 0s {wake.reason=resolved}
			await @1ms 0s
		`, shape...)
	})
}

func TestFutureConcurrentSafe(t *testing.T) {
	ctx, rec := record(t)
	var f trace.Future[int]
	var wg, calls sync.WaitGroup
	var mu sync.Mutex
	settled := 0
	for g := range 4 {
		calls.Add(1)
		wg.Go(func() {
			f.Then(ctx, "call", func(context.Context, int, error) error { calls.Done(); return nil })
			if f.Resolve(ctx, g) {
				mu.Lock()
				settled++
				mu.Unlock()
			}
		})
		wg.Go(func() {
			v, err := f.Await(ctx)
			if w, _ := f.Await(ctx); v != w || err != nil || !f.Settled() {
				t.Errorf("got %v, then %v, and %v", v, w, err)
			}
		})
	}
	wg.Wait()
	calls.Wait()
	if err := rec.WaitN(t.Context(), tracetest.Name("call"), 4); err != nil { // their lives, made after they have ended
		t.Error(err)
	}
	if settled != 1 {
		t.Errorf("settled %d times, want 1", settled)
	}
}

func TestFutureAllocs(t *testing.T) {
	var f trace.Future[int]
	f.Resolve(t.Context(), 1)
	wantAllocs(t, 0, func(ctx context.Context) { _, _ = f.Await(ctx) })
}
