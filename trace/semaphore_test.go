package trace_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/tracetest"
)

func TestSemaphore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, rec := record(t)
		s := trace.NewSemaphore(3)
		hold := func(n int64, d time.Duration) func(context.Context) error {
			return func(ctx context.Context) error {
				if err := s.Acquire(ctx, n); err != nil {
					return err
				}
				time.Sleep(d)
				s.Release(ctx, n)
				return nil
			}
		}
		go1(ctx, "a", 0, hold(2, 10*ms))
		go1(ctx, "heavy", ms, hold(3, 10*ms))
		go1(ctx, "light", 2*ms, hold(1, 10*ms)) // there is room, but not its turn
		go1(ctx, "gives_up", 3*ms, func(ctx context.Context) error {
			if err := s.Acquire(caused(ctx, ms, errEnough), 4); err != errEnough { // more than there can be
				t.Errorf("got %v, want %v", err, errEnough)
			}
			return nil
		})
		time.Sleep(time.Second)
		tracetest.AssertTree(t, rec.Chain(), `
			a @0s 10ms {goroutine.state=finished}
			heavy @0s 20ms {goroutine.state=finished}
				wait @1ms 9ms
					block @1ms 9ms {block.reason=semaphore}
					wake @10ms 0s {wake.reason=released} -> a
			light @0s 30ms {goroutine.state=finished}
				wait @2ms 18ms
					block @2ms 18ms {block.reason=semaphore}
					wake @20ms 0s {wake.reason=released} -> heavy
			gives_up @0s 4ms {goroutine.state=finished}
				wait @3ms 1ms
					block @3ms 1ms {block.reason=semaphore}
					wake @4ms 0s {wake.reason=canceled}
		`, shape...)
	})
}

// Who stood before others and gave up lets them through.
func TestSemaphoreGivesWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := trace.NewSemaphore(2)
		_ = s.Acquire(t.Context(), 1)
		go func() { _ = s.Acquire(caused(t.Context(), ms, errEnough), 2) }()
		synctest.Wait()
		start := time.Now()
		if err := s.Acquire(t.Context(), 1); err != nil || time.Since(start) != ms {
			t.Errorf("got %v after %v, want nil after 1ms", err, time.Since(start))
		}
	})
}

// Where the context has ended, it is not acquired, be there room or not.
func TestSemaphoreEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := trace.NewSemaphore(1)
		ended, cancel := context.WithCancelCause(t.Context())
		cancel(errEnough)
		if err := s.Acquire(ended, 1); err != errEnough {
			t.Errorf("got %v, want %v", err, errEnough)
		}
		// Both at once: it ends, and there is room.
		_ = s.Acquire(t.Context(), 1)
		ctx, cancel := context.WithCancelCause(t.Context())
		got := make(chan error)
		go func() { got <- s.Acquire(ctx, 1) }()
		synctest.Wait()
		s.Release(t.Context(), 1)
		cancel(errEnough)
		if err := <-got; (err == nil) == s.TryAcquire(t.Context(), 1) {
			t.Errorf("Acquire: got %v, and TryAcquire the opposite of what follows", err)
		}
	})
}

func TestSemaphorePanics(t *testing.T) {
	ctx, s, bare := t.Context(), trace.NewSemaphore(1), semaphore.NewWeighted(1)
	samePanic(t, "Release", func() { bare.Release(1) }, func() { s.Release(ctx, 1) })
	samePanic(t, "Release a negative weight", func() { bare.Release(-1) }, func() { s.Release(ctx, -1) })
	samePanic(t, "Acquire a negative weight", func() { _ = bare.Acquire(ctx, -1) }, func() { _ = s.Acquire(ctx, -1) })
	if !s.TryAcquire(ctx, 1) {
		t.Error("after panics: got no room, want some")
	}
	if new(trace.Semaphore).TryAcquire(ctx, 1) {
		t.Error("zero value: got room, want none")
	}
}

func TestSemaphoreSame(t *testing.T) {
	type sem interface {
		Acquire(context.Context, int64) error
		TryAcquire(int64) bool
		Release(int64)
	}
	do := func(s sem) step {
		return func(ctx context.Context, r *rand.Rand, rest func(int)) string {
			n, slots := 1+r.Int64N(4), r.IntN(4)
			got := false
			if r.IntN(3) == 0 {
				got = s.TryAcquire(n)
			} else {
				got = s.Acquire(ctx, n) == nil
			}
			if got {
				rest(slots)
				s.Release(n)
			}
			return fmt.Sprint(n, got)
		}
	}
	same(t, func() step { return do(semaphore.NewWeighted(3)) },
		func() step { return do(bareSemaphore{trace.NewSemaphore(3)}) })
}

// bareSemaphore has the methods of a semaphore.Weighted.
type bareSemaphore struct{ *trace.Semaphore }

func (s bareSemaphore) TryAcquire(n int64) bool {
	return s.Semaphore.TryAcquire(context.Background(), n)
}
func (s bareSemaphore) Release(n int64) { s.Semaphore.Release(context.Background(), n) }

func TestSemaphoreConcurrentSafe(t *testing.T) {
	ctx, _ := record(t)
	s := trace.NewSemaphore(2)
	var wg sync.WaitGroup
	var mu sync.Mutex
	held := int64(0)
	for g := range int64(4) {
		wg.Go(func() {
			for i := range 100 {
				n := 1 + (g+int64(i))%2
				if i%10 == 0 {
					if !s.TryAcquire(ctx, n) {
						continue
					}
				} else if err := s.Acquire(ctx, n); err != nil {
					t.Error(err)
				}
				mu.Lock()
				if held += n; held > 2 {
					t.Errorf("%d held, want 2 at the most", held)
				}
				held -= n
				mu.Unlock()
				s.Release(ctx, n)
			}
		})
	}
	wg.Wait()
	if !s.TryAcquire(ctx, 2) {
		t.Error("not all was released")
	}
}

func TestSemaphoreAllocs(t *testing.T) {
	s := trace.NewSemaphore(1)
	wantAllocs(t, 0, func(ctx context.Context) {
		_ = s.Acquire(ctx, 1)
		s.Release(ctx, 1)
	})
}
