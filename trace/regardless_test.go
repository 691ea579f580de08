package trace_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/tracetest"
)

// Methods that return no error wait even if the context has ended, and are recorded like any
// other wait.
func TestRegardlessOfContext(t *testing.T) {
	for name, wait := range map[string]func(ctx context.Context, after func(func())){
		"Mutex.Lock": func(ctx context.Context, after func(func())) {
			var m trace.Mutex
			m.Lock(ctx)
			after(m.Unlock)
			m.Lock(ctx)
		},
		"RWMutex.Lock": func(ctx context.Context, after func(func())) {
			var rw trace.RWMutex
			rw.RLock(ctx)
			after(rw.RUnlock)
			rw.Lock(ctx)
		},
		"RWMutex.RLock": func(ctx context.Context, after func(func())) {
			var rw trace.RWMutex
			rw.Lock(ctx)
			after(rw.Unlock)
			rw.RLock(ctx)
		},
		"RLocker": func(ctx context.Context, after func(func())) {
			var rw trace.RWMutex
			rw.Lock(ctx)
			after(rw.Unlock)
			rw.RLocker().Lock(ctx)
		},
		"WaitGroup.Wait": func(ctx context.Context, after func(func())) {
			var wg trace.WaitGroup
			wg.Add(1)
			after(func() { wg.Done(ctx) })
			wg.Wait(ctx)
		},
		"Cond.Wait": func(ctx context.Context, after func(func())) {
			var m trace.Mutex
			var c trace.Cond
			m.Lock(ctx)
			after(func() { c.Signal(ctx) })
			c.Wait(ctx, &m)
			if m.TryLock(ctx) {
				t.Error("Cond.Wait: got the lock unlocked")
			}
		},
		"Once.Do": func(ctx context.Context, after func(func())) {
			var o trace.Once
			done := make(chan struct{})
			go o.Do(ctx, func() { <-done })
			synctest.Wait()
			after(func() { close(done) })
			o.Do(ctx, func() { t.Error("Once.Do: called twice") })
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, rec := record(t)
				ctx, cancel := context.WithCancel(ctx)
				cancel()
				begun := time.Now()
				wait(ctx, func(f func()) { time.AfterFunc(time.Second, f) })
				if took := time.Since(begun); took != time.Second {
					t.Errorf("waited %v, want 1s", took)
				}
				synctest.Wait()
				blocks := rec.Chain().Named(semconv.SpanBlock)
				if len(blocks) != 1 || blocks[0].Duration() != time.Second || blocks[0].Parent.Str(semconv.ErrorTypeKey) != "" {
					t.Errorf("got the blocks %v, want one of a second", blocks)
				}
			})
		})
	}
}

// Wait with the group's own context, which ends with the first error, waits for the other
// goroutines. WaitContext does not.
func TestGroupWaitOwnContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, rec := record(t)
		g, own := trace.NewGroup(ctx, trace.WithName("fetchers"))
		var ended atomic.Bool
		task := g.Go(own, "slow", func(ctx context.Context) error {
			<-ctx.Done()
			time.Sleep(time.Second)
			ended.Store(true)
			return nil
		})
		g.Go(own, "fails", func(context.Context) error { return errEnough })
		synctest.Wait()
		if err := g.WaitContext(own); !errors.Is(err, errEnough) || ended.Load() {
			t.Errorf("WaitContext: got %v, ended %v, want it to give up", err, ended.Load())
		}
		if err := g.Wait(own); !errors.Is(err, errEnough) || !ended.Load() {
			t.Errorf("Wait: got %v, ended %v, want %v once all have ended", err, ended.Load(), errEnough)
		}
		if task.Name() != "slow" || task.State() != semconv.StateFinished {
			t.Errorf("got the task %s %s", task.Name(), task.State())
		}
		for _, w := range rec.Chain().Named(semconv.SpanWait) {
			if got := w.Str(semconv.SyncNameKey); got != "fetchers" {
				t.Errorf("%s: got the name %q", w, got)
			}
		}
		tracetest.AssertTiled(t, rec.Chain().Named(semconv.SpanWait)[0])
	})
}
