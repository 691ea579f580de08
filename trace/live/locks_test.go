package live_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/live"
)

// Two goroutines take two locks in opposite order.
func TestLockOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(traced())
		var a, b trace.Mutex
		a.SetName("accounts")
		b.SetName("ledger")
		both := func(first, second *trace.Mutex) func(context.Context) error {
			return func(ctx context.Context) error {
				_ = first.LockContext(ctx)
				defer first.Unlock()
				_ = trace.Sleep(ctx, time.Second)
				if err := second.LockContext(ctx); err != nil {
					return err
				}
				second.Unlock()
				return nil
			}
		}
		trace.Go(ctx, "debit", both(&a, &b))
		trace.Go(ctx, "credit", both(&b, &a))
		trace.Go(ctx, "audit", func(ctx context.Context) error {
			_ = trace.Sleep(ctx, 2*time.Second)
			return a.LockContext(ctx)
		})
		synctest.Wait()
		if f := findings(live.Snapshot(), live.KindDeadlock); len(f) != 0 {
			t.Errorf("a deadlock before there is one: %+v", f)
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		v := live.Snapshot()
		f := findings(v, live.KindDeadlock)
		if len(f) != 1 || !f[0].Certain || f[0].HoldsUp != 1 || len(f[0].Goroutines) != 2 {
			t.Fatalf("got %+v, want one certain deadlock of two that holds up one\n%s", f, dump(v))
		}
		const want = "debit has been blocked 4 s in lock, waiting for the mutex ledger that credit holds; " +
			"credit has been blocked 4 s in lock, waiting for the mutex accounts that debit holds; 1 other goroutine waits for them"
		got := f[0].Text
		if !strings.HasPrefix(got, "debit") {
			got = strings.NewReplacer("debit", "credit", "credit", "debit", "ledger", "accounts", "accounts", "ledger").Replace(got)
		}
		if got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		if h := findings(v, live.KindHead); len(h) != 0 {
			t.Errorf("a head beside the cycle: %+v", h)
		}
		cancel()
		synctest.Wait()
		if v := live.Snapshot(); len(v.Goroutines) != 0 {
			t.Errorf("goroutines that have ended are there:\n%s", dump(v))
		}
	})
}

// A chain of locks ends at the goroutine that sleeps while it holds the last one.
func TestChainOfLocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := traced()
		var locks [3]trace.Mutex
		sem := trace.NewSemaphore(1)
		trace.Go(ctx, "sleeper", func(ctx context.Context) error {
			_ = locks[2].LockContext(ctx)
			defer locks[2].Unlock()
			return trace.Sleep(ctx, time.Minute)
		})
		for i, name := range []string{"first", "second"} {
			trace.Go(ctx, name, func(ctx context.Context) error {
				_ = locks[i].LockContext(ctx)
				defer locks[i].Unlock()
				_ = trace.Sleep(ctx, time.Second)
				_ = locks[i+1].LockContext(ctx)
				locks[i+1].Unlock()
				return nil
			})
		}
		waiter := trace.Go(ctx, "waiter", func(ctx context.Context) error {
			_ = sem.Acquire(ctx, 1)
			defer sem.Release(ctx, 1)
			_ = trace.Sleep(ctx, time.Second)
			_ = locks[0].LockContext(ctx)
			locks[0].Unlock()
			return nil
		})
		trace.Go(ctx, "joiner", waiter.Wait)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		v := live.Snapshot()
		h := findings(v, live.KindHead)
		if len(h) != 1 || !h[0].Certain || h[0].HoldsUp != 4 {
			t.Fatalf("got %+v\n%s", h, dump(v))
		}
		const want = "sleeper holds up 4 goroutines, for up to 10 s: it is in sleep for 10 s"
		if h[0].Text != want {
			t.Errorf("got  %s\nwant %s", h[0].Text, want)
		}
		sleeper := goroutine(t, v, "sleeper")
		if h[0].Goroutines[0] != sleeper.Key {
			t.Errorf("the head is %v, want %v", h[0].Goroutines, sleeper.Key)
		}
		joiner := goroutine(t, v, "joiner")
		if got := v.Sentence(joiner, &joiner.Waits[0]); got != "joiner has been blocked 10 s waiting for the end of waiter: waiter is awaited, and is in lock for 9 s" {
			t.Errorf("got %s", got)
		}
		// The next in line for the semaphore also waits. It is not proven to wait for the
		// holder, since anybody may release.
		other := trace.Go(ctx, "other", func(ctx context.Context) error { return sem.Acquire(ctx, 1) })
		time.Sleep(time.Second)
		synctest.Wait()
		v = live.Snapshot()
		if h := findings(v, live.KindHead); len(h) != 1 || h[0].Certain || h[0].HoldsUp != 5 || !strings.HasPrefix(h[0].Text, "likely ") {
			t.Errorf("got %+v\n%s", h, dump(v))
		}
		_ = other.Wait(context.Background())
	})
}

// Each kind of wait says what it waits for.
func TestWaitsOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(traced())
		var (
			cond   trace.Cond
			mu     trace.Mutex
			rw     trace.RWMutex
			wg     trace.WaitGroup
			once   trace.Once
			future trace.Future[int]
			group  trace.Group
		)
		ch, full := trace.NewChan[int](2), trace.NewChan[int](1)
		_ = rw.RLockContext(ctx)
		_ = full.Send(ctx, 1)
		wg.Add(3)
		trace.Go(ctx, "feeds", func(ctx context.Context) error {
			_ = ch.Send(ctx, 1)
			return trace.Sleep(ctx, time.Hour)
		})
		synctest.Wait()
		in := map[string]func(context.Context) error{
			"cond": func(ctx context.Context) error {
				_ = mu.LockContext(ctx)
				defer mu.Unlock()
				return cond.WaitContext(ctx, &mu)
			},
			"rwmutex": rw.LockContext,
			"wg":      wg.WaitContext,
			"future":  func(ctx context.Context) error { _, err := future.Await(ctx); return err },
			"recv":    func(ctx context.Context) error { _, _ = ch.Recv(ctx); _, err := ch.Recv(ctx); return err },
			"send":    func(ctx context.Context) error { return full.Send(ctx, 2) },
			"select":  func(ctx context.Context) error { _, err := trace.Select(ctx, full.CaseSend(1)); return err },
			"sleep":   func(ctx context.Context) error { return trace.Sleep(ctx, time.Hour) },
			"inside": func(ctx context.Context) error {
				return once.DoContext(ctx, func() { _ = trace.Sleep(ctx, time.Hour) })
			},
			"handled": func(ctx context.Context) error {
				return trace.Handle(ctx, "inner", func(ctx context.Context) error { return trace.Sleep(ctx, time.Hour) })
			},
			"in group": func(ctx context.Context) error { return trace.Sleep(ctx, time.Hour) },
		}
		for name, fn := range in {
			if name != "in group" {
				trace.Go(ctx, name, fn)
			}
		}
		group.Go(ctx, "in group", in["in group"])
		synctest.Wait()
		trace.Go(ctx, "outside", func(ctx context.Context) error { return once.DoContext(ctx, func() {}) })
		time.Sleep(time.Second)
		synctest.Wait()
		v := live.Snapshot()
		for name, want := range map[string]struct{ operation, reason, on string }{
			"cond":     {"wait", "cond", "cond"},
			"rwmutex":  {"lock", "lock", "rwmutex"},
			"wg":       {"wait", "waitgroup", "waitgroup"},
			"future":   {"await", "future", "future"},
			"recv":     {"recv", "chan.recv", "channel"},
			"send":     {"send", "chan.send", "channel"},
			"select":   {"select", "select", ""},
			"sleep":    {"sleep", "sleep", ""},
			"inside":   {"sleep", "sleep", ""},
			"outside":  {"lock", "lock", "mutex"},
			"handled":  {"sleep", "sleep", ""},
			"in group": {"sleep", "sleep", ""},
		} {
			g := goroutine(t, v, name)
			if len(g.Waits) != 1 || g.State != live.StateBlocked {
				t.Errorf("%s: got %+v", name, g)
				continue
			}
			w := g.Waits[0]
			on := ""
			if w.On != nil {
				on = w.On.Kind
			}
			if w.Operation != want.operation || w.Reason != want.reason || on != want.on || w.Age != time.Second || w.WakeHint == "" || w.Span == nil || w.Idle {
				t.Errorf("%s: got %+v on %q, want %+v", name, w, on, want)
			}
			t.Log(v.Sentence(g, &w))
		}
		recv := goroutine(t, v, "recv")
		if on := recv.Waits[0].On; on.LastSender != goroutine(t, v, "feeds").Key || on.LastReceiver != recv.Key || on.Capacity != 2 {
			t.Errorf("the channel: got %+v", on)
		}
		if on := goroutine(t, v, "send").Waits[0].On; on.Length != 1 || on.Capacity != 1 {
			t.Errorf("the full channel: got %+v", on)
		}
		if h := goroutine(t, v, "outside").Waits[0].Holders; len(h) != 1 || h[0].Goroutine != goroutine(t, v, "inside").Key || !h[0].Strong {
			t.Errorf("once: got %+v", h)
		}
		if g := goroutine(t, v, "handled"); !slices.Equal(g.Inner, []string{"inner"}) {
			t.Errorf("got the inner names %v", g.Inner)
		}
		if on := goroutine(t, v, "wg").Waits[0].On; on.Held != 3 {
			t.Errorf("the wait group: got %+v", on)
		}
		cancel()
	})
}

// A lock whose holder has ended stays locked, and the view says so.
func TestHolderHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(traced())
		defer cancel()
		var mu trace.Mutex
		_ = trace.Go(ctx, "forgetful\x1b[2J", mu.LockContext).Wait(ctx)
		trace.Go(ctx, "victim", mu.LockContext)
		time.Sleep(time.Second)
		synctest.Wait()
		v := live.Snapshot()
		g := goroutine(t, v, "victim")
		const want = `victim has been blocked 1 s in lock, waiting for a mutex: forgetful\x1b[2J, which has ended, holds the mutex`
		if got := v.Sentence(g, &g.Waits[0]); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		h := findings(v, live.KindHead)
		if len(h) != 1 || h[0].Text != `forgetful\x1b[2J holds up 1 goroutine, for up to 1 s: it has ended, and holds the mutex still` {
			t.Errorf("got %+v", h)
		}
	})
}

// Goroutines that are not sampled are shown if the program asks for it.
func TestWithUnsampledGoroutines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(trace.New().NewContext(context.Background()))
		defer cancel()
		sleep := func(ctx context.Context) error { return trace.Sleep(ctx, time.Hour) }
		trace.Go(ctx, "off", sleep)
		trace.Go(live.WithUnsampled(ctx), "on", sleep)
		trace.Go(live.WithUnsampled(ctx), "handles", func(ctx context.Context) error { return trace.Handle(ctx, "inner", sleep) })
		time.Sleep(time.Second)
		synctest.Wait()
		v := live.Snapshot()
		if len(v.Goroutines) != 2 {
			t.Errorf("got\n%s", dump(v))
		}
		for _, name := range []string{"on", "handles"} {
			if g := goroutine(t, v, name); len(g.Waits) != 1 || g.Waits[0].Age != time.Second || g.Waits[0].Span != nil || g.ID == 0 {
				t.Errorf("%s: got %+v", name, g)
			}
		}
	})
}

// A sender on a full channel likely waits for whoever received from it last, and so on.
// The view never claims that for sure.
func TestFullChannel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(traced())
		c := trace.NewChan[int](1)
		var slow trace.Mutex
		trace.Go(ctx, "boss", func(ctx context.Context) error {
			_ = slow.LockContext(ctx)
			defer slow.Unlock()
			return trace.Sleep(ctx, time.Hour)
		})
		trace.Go(ctx, "takes", func(ctx context.Context) error {
			if _, err := c.Recv(ctx); err != nil {
				return err
			}
			return slow.LockContext(ctx)
		})
		synctest.Wait()
		sends := func(ctx context.Context) error {
			for {
				if err := c.Send(ctx, 1); err != nil {
					return err
				}
			}
		}
		trace.Go(ctx, "sends", sends)
		synctest.Wait()
		trace.Go(ctx, "sends", sends)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		v := live.Snapshot()
		h := findings(v, live.KindHead)
		const want = "likely boss holds up 3 goroutines, for up to 10 s: it is in sleep for 10 s"
		if len(h) != 1 || h[0].Certain || h[0].Text != want {
			t.Errorf("got %+v, want %s\n%s", h, want, dump(v))
		}
		told := 0
		for i := range v.Goroutines {
			g := &v.Goroutines[i]
			if g.Name != "sends" {
				continue
			}
			told++
			const want = "sends ID has been blocked AGE in send, waiting for a channel with 1 value in it, " +
				"to which sends ID sent last, from which takes received last: likely takes takes the next, and is in lock for AGE"
			if got := form(v.Sentence(g, &g.Waits[0])); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			if h := g.Waits[0].Holders; len(h) != 1 || h[0].Strong || h[0].Name != "takes" {
				t.Errorf("got the holders %+v", h)
			}
		}
		if told != 2 {
			t.Errorf("%d goroutines send, want 2", told)
		}
		cancel()
		synctest.Wait()
	})
}
