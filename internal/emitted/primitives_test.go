package emitted_test

import (
	"context"
	"runtime"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/wakechain/wakechain/trace"
)

// after runs f in a goroutine of this name, n milliseconds from now. With a different n
// each, no two of them run at the same time.
func after(ctx context.Context, n int, name string, f func(context.Context) error) *trace.Task {
	return trace.Go(ctx, name, func(ctx context.Context) error {
		time.Sleep(time.Duration(n) * ms)
		return f(ctx)
	})
}

// wait waits for tasks, without a span.
func wait(tasks ...*trace.Task) {
	for _, t := range tasks {
		<-t.Done()
	}
}

// primitives are the replacements of Go's channels, locks and the like.
var primitives = map[string]scenario{
	"goroutines": {play: func(s *stage) {
		ctx := s.context()
		good := after(ctx, 1, "good", func(context.Context) error { return nil })
		bad := trace.Go(ctx, "bad", func(ctx context.Context) error {
			_ = trace.Sleep(ctx, 2*ms)
			_ = trace.Sleep(ctx, 3*ms)
			return errBroken
		}, trace.WithGoAttributes(attribute.Int("n", 1)))
		gone := after(ctx, 3, "gone", func(context.Context) error { runtime.Goexit(); return nil })
		canceled := trace.Go(ctx, "canceled", func(ctx context.Context) error { return trace.Sleep(ctx, time.Hour) })
		odd := trace.Go(ctx, "odd", func(context.Context) error { return errBroken },
			trace.WithErrorType(func(error) string { return "" }))
		waits := trace.Go(ctx, "waits", func(ctx context.Context) error { return good.Wait(ctx) })
		time.Sleep(10 * ms)
		canceled.Cancel(errBroken)
		wait(good, bad, gone, canceled, odd, waits)
	}},
	"handle": {play: func(s *stage) {
		_ = trace.Handle(s.context(), "outer", func(ctx context.Context) error {
			_ = trace.Sleep(ctx, ms)
			return trace.Handle(ctx, "inner", func(ctx context.Context) error { return trace.Sleep(ctx, 2*ms) })
		})
		func() {
			defer func() { _ = recover() }()
			_ = trace.Handle(s.context(), "panics", func(context.Context) error { panic("no") })
		}()
	}},
	"group": {play: func(s *stage) {
		ctx := s.context()
		g, own := trace.NewGroup(ctx)
		g.SetLimit(2)
		for i := range 4 {
			g.Go(own, "part", func(ctx context.Context) error {
				time.Sleep(time.Duration(3*i+1) * ms)
				if i == 3 {
					return errBroken
				}
				return nil
			})
		}
		_ = g.Wait(ctx)
	}},
	"timers": {play: func(s *stage) {
		ctx, cancel := context.WithCancel(s.context())
		var done sync.WaitGroup
		done.Add(2)
		trace.AfterFunc(ctx, ms, "later", func(context.Context) error { done.Done(); return nil })
		trace.AfterDone(ctx, "at the end", func(context.Context) error { done.Done(); return nil })
		n := 0
		_ = trace.Tick(ctx, 2*ms, "tick", func(context.Context) error {
			if n++; n == 3 {
				return errBroken
			}
			return nil
		})
		cancel()
		done.Wait()
	}},
	"channels": {metrics: true, play: func(s *stage) {
		ctx := s.context()
		c := trace.NewChan[int](1, trace.WithName("values"))
		receiver := after(ctx, 1, "receiver", func(ctx context.Context) error {
			_, err := c.Recv(ctx) // waits
			time.Sleep(10 * ms)
			_, _ = c.Recv(ctx) // makes room
			time.Sleep(10 * ms)
			for range c.All(ctx) {
				time.Sleep(ms)
			}
			return err
		})
		sender := after(ctx, 3, "sender", func(ctx context.Context) error {
			_ = c.Send(ctx, 1)
			_ = c.Send(ctx, 2)
			_ = c.Send(ctx, 3) // waits for room
			time.Sleep(20 * ms)
			c.Close(ctx)
			return nil
		})
		wait(receiver, sender)
	}},
	"channel_ends": {play: func(s *stage) {
		ctx, cancel := context.WithCancel(s.context())
		var c trace.Chan[int]
		a := after(ctx, 1, "a", func(ctx context.Context) error { _, err := c.Recv(ctx); return err })
		b := after(ctx, 2, "b", func(ctx context.Context) error { return trace.Send(ctx, make(chan int), 1) })
		d := after(ctx, 3, "d", func(ctx context.Context) error { _, err := trace.Recv(ctx, make(chan int)); return err })
		time.Sleep(5 * ms)
		cancel()
		wait(a, b, d)
		ctx = s.context()
		a = after(ctx, 1, "a", func(ctx context.Context) error { _, err := c.Recv(ctx); return err })
		b = after(ctx, 2, "b", func(ctx context.Context) error { c.Close(ctx); return nil })
		wait(a, b)
		plain := make(chan int)
		a = after(ctx, 1, "a", func(ctx context.Context) error { _, err := trace.Recv(ctx, plain); return err })
		b = after(ctx, 2, "b", func(ctx context.Context) error { return trace.Send(ctx, plain, 1) })
		wait(a, b)
	}},
	"all_ops": {play: func(s *stage) {
		ctx := s.context(trace.WithAllOps())
		c := trace.NewChan[int](2)
		_ = c.Send(ctx, 1)
		_, _ = c.Recv(ctx)
		var m trace.Mutex
		_ = m.LockContext(ctx)
		m.Unlock()
		_, _ = trace.Select(ctx, c.CaseSend(2), trace.CaseDefault())
		var f trace.Future[int]
		f.Resolve(ctx, 1)
		_, _ = f.Await(ctx)
	}},
	"select": {play: func(s *stage) {
		ctx := s.context()
		a, b := trace.NewChan[int](0), trace.NewChan[int](0)
		plain := make(chan int)
		selects := after(ctx, 1, "selects", func(ctx context.Context) error {
			var v int
			_, err := trace.Select(ctx, a.CaseRecv(&v, nil), b.CaseSend(1))
			time.Sleep(10 * ms)
			_, _ = trace.Select(ctx, trace.CaseRecv(plain, &v, nil), b.CaseRecv(&v, nil))
			time.Sleep(10 * ms)
			ctx, cancel := context.WithTimeout(ctx, 5*ms)
			defer cancel()
			_, _ = trace.Select(ctx, a.CaseSend(1), b.CaseSend(2))
			return err
		})
		sends := after(ctx, 3, "sends", func(ctx context.Context) error {
			_ = a.Send(ctx, 1)
			time.Sleep(15 * ms)
			plain <- 1
			return nil
		})
		wait(selects, sends)
	}},
	"locks": {metrics: true, play: func(s *stage) {
		ctx := s.context()
		var (
			m  trace.Mutex
			rw trace.RWMutex
		)
		hold := func(n int, name string, lock func(context.Context) error, unlock func()) *trace.Task {
			return after(ctx, n, name, func(ctx context.Context) error {
				if err := lock(ctx); err != nil {
					return err
				}
				time.Sleep(10 * ms)
				unlock()
				return nil
			})
		}
		wait(hold(1, "first", m.LockContext, m.Unlock), hold(2, "second", m.LockContext, m.Unlock), hold(3, "third", m.LockContext, m.Unlock))
		wait(hold(1, "reads", rw.RLockContext, rw.RUnlock), hold(2, "writes", rw.LockContext, rw.Unlock), hold(3, "reads later", rw.RLockContext, rw.RUnlock))
		_ = m.LockContext(ctx)
		short, cancel := context.WithTimeoutCause(ctx, ms, errBroken)
		defer cancel()
		_ = m.LockContext(short)
		m.Unlock()
	}},
	"waiting": {play: func(s *stage) {
		ctx := s.context()
		var (
			m    trace.Mutex
			cond trace.Cond
			once trace.Once
			wg   trace.WaitGroup
			f    trace.Future[int]
		)
		sem := trace.NewSemaphore(2)
		a := after(ctx, 1, "a", func(ctx context.Context) error {
			_ = m.LockContext(ctx)
			_ = cond.WaitContext(ctx, &m)
			m.Unlock()
			_, err := f.Await(ctx)
			return err
		})
		b := after(ctx, 3, "b", func(ctx context.Context) error {
			cond.Signal(ctx)
			time.Sleep(2 * ms)
			f.Reject(ctx, errBroken)
			return nil
		})
		wait(a, b)
		do := func(ctx context.Context) error { return once.DoContext(ctx, func() { time.Sleep(5 * ms) }) }
		wait(after(ctx, 1, "once", do), after(ctx, 2, "waits for once", do))
		acquire := func(ctx context.Context) error {
			_ = sem.Acquire(ctx, 2)
			time.Sleep(5 * ms)
			sem.Release(ctx, 2)
			return nil
		}
		wait(after(ctx, 1, "acquires", acquire), after(ctx, 2, "acquires later", acquire))
		wg.Go(ctx, "counted", func(context.Context) error { time.Sleep(3 * ms); return nil })
		_ = wg.WaitContext(ctx)
		var then sync.WaitGroup
		then.Add(1)
		var settled trace.Future[string]
		settled.Then(ctx, "then", func(context.Context, string, error) error { then.Done(); return nil })
		time.Sleep(ms)
		settled.Resolve(ctx, "x")
		then.Wait()
	}},
}
