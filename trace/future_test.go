package trace_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wakechain/wakechain/trace"
)

func TestFuture(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, rec := record(t.Context())
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
		wantShape(t, rec, `
		go a 0-0
		  await 0-3
		    block 0-3 future
		    wake 3-3 resolved -> go b
		  a 0-3 finished
		go gives_up 0-0
		  gives_up 0-2 cancelled
		  await 1-2
		    block 1-2 future
		    wake 2-2 canceled
		go b 0-0
		  b 0-3 finished
		go callback 3-3
		  callback 3-3 finished
		go late 4-4
		  late 4-4 Error _OTHER failed
		`)
	})
}

func TestFutureReject(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, rec := record(t.Context(), trace.WithAllOps())
		var f trace.Future[string]
		time.AfterFunc(ms, func() { f.Reject(ctx, errEnough) })
		for range 2 {
			if v, err := f.Await(ctx); v != "" || err != errEnough {
				t.Errorf("got %q and %v, want %v", v, err, errEnough)
			}
		}
		wantShape(t, rec, `
		await 0-1
		  block 0-1 future
		  wake 1-1 resolved
		await 1-1
		`)
	})
}

func TestFutureConcurrentSafe(t *testing.T) {
	ctx, _ := record(t.Context())
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
	if settled != 1 {
		t.Errorf("settled %d times, want 1", settled)
	}
}

func TestFutureAllocs(t *testing.T) {
	var f trace.Future[int]
	f.Resolve(t.Context(), 1)
	wantAllocs(t, 0, func(ctx context.Context) { _, _ = f.Await(ctx) })
}
