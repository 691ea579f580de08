package trace_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/tracetest"
)

func TestGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		outer, rec := record(t)
		g, ctx := trace.NewGroup(outer)
		g.SetLimit(1)
		g.Go(ctx, "a", func(context.Context) error { time.Sleep(2 * ms); return nil })
		if g.TryGo(ctx, "never", nil) != nil {
			t.Error("TryGo: got true, want false")
		}
		g.Go(ctx, "b", func(context.Context) error { time.Sleep(2 * ms); return nil })
		g.Go(caused(ctx, ms, errEnough), "no_slot", func(context.Context) error { t.Error("runs without a slot"); return nil })
		if err := g.Wait(outer); err != errEnough {
			t.Errorf("Wait: got %v, want %v", err, errEnough)
		}
		if got := context.Cause(ctx); got != errEnough {
			t.Errorf("the context's cause: got %v, want %v", got, errEnough)
		}
		tracetest.AssertTree(t, rec.Chain(), `
			a @0s 2ms {goroutine.state=finished}
			wait @0s 2ms
				block @0s 2ms {block.reason=semaphore}
				wake @2ms 0s {wake.reason=released} -> a
			b @2ms 2ms {goroutine.state=finished}
			wait @2ms 1ms
				block @2ms 1ms {block.reason=semaphore}
				wake @3ms 0s {wake.reason=canceled}
			wait @3ms 1ms
				block @3ms 1ms {block.reason=waitgroup}
				wake @4ms 0s {wake.reason=done} -> b
		`, shape...)
	})
}

func TestGroupZero(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, rec := record(t)
		var g trace.Group
		for i := range 2 {
			g.Go(ctx, fmt.Sprint("g", i), func(context.Context) error {
				time.Sleep(time.Duration(2*i+1) * ms)
				return nil
			})
		}
		if err := g.WaitContext(caused(ctx, 2*ms, errEnough)); err != errEnough {
			t.Errorf("Wait: got %v, want %v", err, errEnough)
		}
		if err := g.Wait(ctx); err != nil {
			t.Errorf("Wait: got %v, want nil", err)
		}
		tracetest.AssertTree(t, rec.Chain(), `
			g0 @0s 1ms {goroutine.state=finished}
			g1 @0s 3ms {goroutine.state=finished}
			wait @0s 2ms
				block @0s 2ms {block.reason=waitgroup}
				wake @2ms 0s {wake.reason=canceled}
			wait @2ms 1ms
				block @2ms 1ms {block.reason=waitgroup}
				wake @3ms 0s {wake.reason=done} -> g1
		`, shape...)
	})
}

func TestGroupLimit(t *testing.T) {
	ctx := t.Context()
	var g trace.Group
	g.SetLimit(1)
	release := make(chan struct{})
	g.Go(ctx, "g", func(context.Context) error { <-release; return nil })
	if protect(func() { g.SetLimit(2) }) == "" {
		t.Error("SetLimit while a goroutine runs: no panic")
	}
	close(release)
	_ = g.Wait(ctx)
	g.SetLimit(0)
	if g.TryGo(ctx, "g", nil) != nil {
		t.Error("a limit of 0: got true, want false")
	}
	g.SetLimit(-1)
	for range 10 {
		g.Go(ctx, "g", func(context.Context) error { return nil })
	}
	if err := g.Wait(ctx); err != nil {
		t.Error(err)
	}
}

func TestGroupGoexit(t *testing.T) {
	var g trace.Group
	g.Go(t.Context(), "g", func(context.Context) error { runtime.Goexit(); return nil })
	if err := g.Wait(t.Context()); err != trace.ErrGoexit {
		t.Errorf("got %v, want %v", err, trace.ErrGoexit)
	}
}

// A Group is like an errgroup.Group: what runs, when it is canceled, and which error counts.
func TestGroupSame(t *testing.T) {
	type group interface {
		SetLimit(int)
		Go(func() error)
		TryGo(func() error) bool
		Wait() error
	}
	run := func(seed uint64, group func(context.Context) (group, context.Context)) (log []string) {
		synctest.Test(t, func(t *testing.T) {
			r, start := rand.New(rand.NewPCG(seed, 0)), time.Now()
			ctx, _ := record(t)
			g, ctx := group(ctx)
			if n := r.IntN(6); n > 0 {
				g.SetLimit(n)
			}
			ran := make([]time.Duration, 20)
			for i := range ran {
				// No two end at the same time, canceled or not, whenever each begins: the sums
				// of powers of two all differ.
				d := time.Duration(r.IntN(20))*time.Second + time.Nanosecond<<i
				fails := r.IntN(12) == 0
				fn := func() error {
					select {
					case <-time.After(d):
					case <-ctx.Done():
						time.Sleep(time.Microsecond << i)
						return ctx.Err()
					}
					ran[i] = time.Since(start)
					if fails {
						return fmt.Errorf("error %d", i)
					}
					return nil
				}
				if r.IntN(4) == 0 {
					log = append(log, fmt.Sprint(i, " ", g.TryGo(fn)))
				} else {
					g.Go(fn)
				}
				log = append(log, fmt.Sprint(i, " at ", time.Since(start)))
			}
			log = append(log, fmt.Sprint(g.Wait(), ran, context.Cause(ctx), time.Since(start)))
		})
		return log
	}
	for seed := range uint64(300) {
		want := run(seed, func(ctx context.Context) (group, context.Context) { return errgroup.WithContext(ctx) })
		got := run(seed, func(ctx context.Context) (group, context.Context) {
			g, own := trace.NewGroup(ctx)
			return bareGroup{g, ctx}, own
		})
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("seed %d:\ngot  %v\nwant %v", seed, got, want)
		}
	}
}

// bareGroup has the methods of an errgroup.Group, whose Go waits for a slot even if a
// context ends.
type bareGroup struct {
	*trace.Group
	ctx context.Context
}

func (g bareGroup) Go(f func() error) {
	g.Group.Go(g.ctx, "g", func(context.Context) error { return f() })
}

func (g bareGroup) TryGo(f func() error) bool {
	return g.Group.TryGo(g.ctx, "g", func(context.Context) error { return f() }) != nil
}

func (g bareGroup) Wait() error { return g.Group.Wait(g.ctx) }

// Wait waits for a Go that waits for a slot, too, and returns its error.
func TestGroupWaitsForSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g trace.Group
		g.SetLimit(1)
		g.Go(t.Context(), "holder", func(ctx context.Context) error { return trace.Sleep(ctx, time.Hour) })
		ctx, cancel := context.WithCancelCause(t.Context())
		go g.Go(ctx, "late", func(context.Context) error { return nil })
		synctest.Wait()
		tired := errors.New("tired")
		time.AfterFunc(time.Minute, func() { cancel(tired) })
		if err := g.Wait(t.Context()); !errors.Is(err, tired) {
			t.Errorf("got %v, want %v", err, tired)
		}
	})
}

func TestGroupConcurrentSafe(t *testing.T) {
	outer, _ := record(t)
	g, ctx := trace.NewGroup(outer)
	g.SetLimit(3)
	var running, ran atomic.Int64
	g.Go(ctx, "spawner", func(ctx context.Context) error {
		var inner trace.Group
		for range 4 {
			inner.Go(ctx, "inner", func(ctx context.Context) error {
				for range 25 {
					g.Go(ctx, "work", func(context.Context) error {
						if running.Add(1) > 3 {
							t.Error("more than 3 run")
						}
						ran.Add(1)
						running.Add(-1)
						return nil
					})
				}
				return nil
			})
		}
		return inner.Wait(ctx)
	})
	if err := g.Wait(outer); err != nil || ran.Load() != 100 {
		t.Errorf("got %v, and %d ran, want nil and 100", err, ran.Load())
	}
	if !errors.Is(ctx.Err(), context.Canceled) {
		t.Error("the context has not ended after Wait")
	}
}
