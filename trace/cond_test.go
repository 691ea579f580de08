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

func TestCond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, rec := record(t)
		var m trace.Mutex
		var c trace.Cond
		wait := func(ctx context.Context) error {
			_ = m.LockContext(ctx)
			defer m.Unlock()
			return c.WaitContext(ctx, &m)
		}
		go1(ctx, "a", 0, wait)
		go1(ctx, "b", ms, wait)
		gaveUp := go1(caused(ctx, 4*ms, errEnough), "gives_up", 3*ms, wait)
		go1(ctx, "d", 5*ms, func(ctx context.Context) error {
			c.Signal(ctx)
			time.Sleep(ms)
			_ = m.LockContext(ctx) // whom it wakes must wait for it again
			defer m.Unlock()
			c.Broadcast(ctx)
			time.Sleep(ms)
			return nil
		})
		time.Sleep(time.Second)
		if err := gaveUp.Err(); err != errEnough {
			t.Errorf("got %v, want %v", err, errEnough)
		}
		tracetest.AssertTree(t, rec.Chain(), `
			a @0s 5ms {goroutine.state=finished}
				wait @0s 5ms
					block @0s 5ms {block.reason=cond}
					wake @5ms 0s {wake.reason=signaled} -> d
			b @0s 7ms {goroutine.state=finished}
				wait @1ms 5ms
					block @1ms 5ms {block.reason=cond}
					wake @6ms 0s {wake.reason=signaled} -> d
				lock @6ms 1ms
					block @6ms 1ms {block.reason=lock}
					wake @7ms 0s {wake.reason=unlocked} -> d
			gives_up @0s 4ms {goroutine.state=canceled}
				wait @3ms 1ms
					block @3ms 1ms {block.reason=cond}
					wake @4ms 0s {wake.reason=canceled}
			d @0s 7ms {goroutine.state=finished}
		`, shape...)
	})
}

// A Cond wakes the same goroutines as a sync.Cond, in the same order, at the same time.
func TestCondSame(t *testing.T) {
	same(t, func() step {
		var mu sync.Mutex
		c, p := sync.NewCond(&mu), new(permits)
		return func(ctx context.Context, r *rand.Rand, _ func(int)) string {
			return p.step(ctx, r, func() { mu.Lock() }, mu.Unlock, c.Wait, c.Signal, c.Broadcast)
		}
	}, func() step {
		var mu trace.Mutex
		var c trace.Cond
		p := new(permits)
		return func(ctx context.Context, r *rand.Rand, _ func(int)) string {
			own := context.WithoutCancel(ctx) // a bare wait has no end
			return p.step(ctx, r, func() { _ = mu.LockContext(own) }, mu.Unlock,
				func() { _ = c.WaitContext(own, &mu) }, func() { c.Signal(own) }, func() { c.Broadcast(own) })
		}
	})
}

type permits struct{ free, waiting int }

// step waits for a permit, or gives one, or one to each that waits. A step whose context
// ends gives one, too.
func (p *permits) step(ctx context.Context, r *rand.Rand, lock, unlock, wait, signal, broadcast func()) string {
	n := r.IntN(6)
	lock()
	defer unlock()
	all := func() {
		p.free += p.waiting
		broadcast()
	}
	switch {
	case n < 4:
		defer context.AfterFunc(ctx, func() {
			lock()
			defer unlock()
			all()
		})()
		p.waiting++
		for p.free == 0 {
			wait()
		}
		p.waiting--
		p.free--
		return "got one"
	case n == 4:
		p.free++
		signal()
		return fmt.Sprint("gave one to ", p.waiting)
	default:
		all()
		return fmt.Sprint("gave ", p.waiting)
	}
}

func TestCondConcurrentSafe(t *testing.T) {
	ctx, _ := record(t)
	var m trace.Mutex
	var c trace.Cond
	var wg sync.WaitGroup
	n := 0
	for range 4 {
		wg.Go(func() {
			for range 50 {
				_ = m.LockContext(ctx)
				for n == 0 {
					if err := c.WaitContext(ctx, &m); err != nil {
						t.Error(err)
					}
				}
				n--
				m.Unlock()
			}
		})
		wg.Go(func() {
			for i := range 50 {
				_ = m.LockContext(ctx)
				n++
				m.Unlock()
				if i%10 == 0 {
					c.Broadcast(ctx)
				} else {
					c.Signal(ctx)
				}
			}
		})
	}
	wg.Wait()
	if n != 0 {
		t.Errorf("%d left, want 0", n)
	}
}
