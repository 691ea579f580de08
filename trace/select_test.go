package trace_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/tracetest"
)

func TestSelect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, rec := record(t)
		c, plain := trace.NewChan[int](0), make(chan error)
		var v int
		var err error
		var ok bool
		either := func(ctx context.Context) (int, error) {
			return trace.Select(ctx, c.CaseRecv(&v, &ok), trace.CaseRecv(plain, &err, &ok))
		}
		want := func(got int, gotErr error, i int, e error) {
			t.Helper()
			if got != i || gotErr != e {
				t.Errorf("got %d and %v, want %d and %v", got, gotErr, i, e)
			}
		}
		go1(ctx, "a", ms, func(ctx context.Context) error { return c.Send(ctx, 7) })
		i, e := either(ctx)
		want(i, e, 0, nil)
		if v != 7 || !ok {
			t.Errorf("received %v and %v, want 7 and true", v, ok)
		}
		time.AfterFunc(ms, func() { plain <- nil }) // an interface's nil
		err = io.EOF
		i, e = either(ctx)
		want(i, e, 1, nil)
		if err != nil || !ok {
			t.Errorf("received %v and %v, want nil and true", err, ok)
		}
		i, e = either(caused(ctx, ms, errEnough))
		want(i, e, -1, errEnough)

		go1(ctx, "b", ms, func(ctx context.Context) error { _, err := c.Recv(ctx); return err })
		i, e = trace.Select(ctx, c.CaseSend(8), trace.CaseSend(plain, io.EOF))
		want(i, e, 0, nil)
		time.AfterFunc(ms, func() { <-plain })
		i, e = trace.Select(ctx, c.CaseSend(8), trace.CaseSend(plain, nil))
		want(i, e, 1, nil)

		go1(ctx, "c", ms, func(ctx context.Context) error { c.Close(ctx); return nil })
		i, e = either(ctx)
		want(i, e, 0, nil)
		if v != 0 || ok {
			t.Errorf("received %v and %v, want 0 and false", v, ok)
		}
		i, e = trace.Select(ctx, trace.CaseRecv(plain, nil, nil), trace.CaseDefault())
		want(i, e, 1, nil)
		i, e = trace.Select(ctx, c.CaseRecv(nil, nil), trace.CaseDefault())
		want(i, e, 0, nil)
		i, e = trace.Select(caused(ctx, ms, errEnough))
		want(i, e, -1, errEnough)
		time.Sleep(ms)
		tracetest.AssertTree(t, rec.Chain(), `
			a @0s 1ms {goroutine.state=finished}
			select @0s 1ms {select.case=0}
				block @0s 1ms {block.reason=select}
				wake @1ms 0s {wake.reason=received} -> a
			select @1ms 1ms {select.case=1}
				block @1ms 1ms {block.reason=select}
				wake @2ms 0s {wake.reason=received}
			select @2ms 1ms
				block @2ms 1ms {block.reason=select}
				wake @3ms 0s {wake.reason=canceled}
			b @3ms 1ms {goroutine.state=finished}
			select @3ms 1ms {select.case=0}
				block @3ms 1ms {block.reason=select}
				wake @4ms 0s {wake.reason=sent} -> b
			select @4ms 1ms {select.case=1}
				block @4ms 1ms {block.reason=select}
				wake @5ms 0s {wake.reason=sent}
			c @5ms 1ms {goroutine.state=finished}
			select @5ms 1ms {select.case=0}
				block @5ms 1ms {block.reason=select}
				wake @6ms 0s {wake.reason=closed} -> c
			select @6ms 1ms
				block @6ms 1ms {block.reason=select}
				wake @7ms 0s {wake.reason=canceled}
		`, shape...)
	})
}

// A send that another one waits for links to the select that received.
func TestSelectWakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, rec := record(t)
		c := trace.NewChan[int](1)
		_ = c.Send(ctx, 0)
		go1(ctx, "a", 0, func(ctx context.Context) error { return c.Send(ctx, 1) })
		go1(ctx, "b", 0, func(ctx context.Context) error { _, err := trace.Select(ctx, c.CaseSend(2)); return err })
		go1(ctx, "d", ms, func(ctx context.Context) error {
			for range 3 {
				_, _ = trace.Select(ctx, c.CaseRecv(nil, nil), trace.CaseDefault())
			}
			return nil
		})
		time.Sleep(2 * ms)
		tracetest.AssertTree(t, rec.Chain(), `
			a @0s 1ms {goroutine.state=finished}
				send @0s 1ms
					block @0s 1ms {block.reason=chan.send}
					wake @1ms 0s {wake.reason=sent} -> d
			b @0s 1ms {goroutine.state=finished}
				select @0s 1ms {select.case=0}
					block @0s 1ms {block.reason=select}
					wake @1ms 0s {wake.reason=sent} -> d
			d @0s 1ms {goroutine.state=finished}
		`, shape...)
	})
}

func TestSelectAllOps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, rec := record(t, trace.WithAllOps())
		c := trace.NewChan[int](1)
		_, _ = trace.Select(ctx, trace.CaseDefault(), c.CaseSend(1))
		_, _ = trace.Select(ctx, trace.CaseDefault(), c.CaseSend(1))
		tracetest.AssertTree(t, rec.Chain(), `
			select @0s 0s {select.case=1}
			select @0s 0s {select.case=0}
		`, shape...)
	})
}

func TestSelectPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, _ := record(t)
		c, plain, other := trace.NewChan[int](0), make(chan int), trace.NewChan[int](0)
		if !race { // see TestChanLinks
			time.AfterFunc(ms, func() { close(plain) })
			samePanic(t, "closed while it waits", func() { plain <- 1 }, func() {
				_, _ = trace.Select(ctx, trace.CaseSend(plain, 1), other.CaseSend(1), other.CaseRecv(nil, nil))
			})
		} else {
			close(plain)
		}
		c.Close(ctx)
		samePanic(t, "closed", func() { plain <- 1 }, func() {
			_, _ = trace.Select(ctx, c.CaseSend(1))
		})
	})
}

// Any case that can be done is as likely as the others, as in a select statement.
func TestSelectFair(t *testing.T) {
	const n = 3000
	a, b, never := trace.NewChan[int](n), make(chan int, n), make(chan int)
	var got [3]int
	for range n {
		i, err := trace.Select(t.Context(), trace.CaseRecv(never, nil, nil), a.CaseSend(1), trace.CaseSend(b, 1))
		if err != nil {
			t.Fatal(err)
		}
		got[i]++
	}
	if got[0] != 0 || got[1] < n/3 || got[2] < n/3 {
		t.Errorf("got %v, want none of the first, and about as many of the others", got)
	}
}

func TestSelectMany(t *testing.T) {
	cases := make([]trace.Case, 20)
	for i := range cases {
		cases[i] = trace.CaseRecv[int](nil, nil, nil)
	}
	c := trace.NewChan[int](1)
	cases[13] = c.CaseSend(1)
	if i, err := trace.Select(t.Context(), cases...); i != 13 || err != nil {
		t.Errorf("got %d and %v, want 13", i, err)
	}
}

// Like a select statement, over channels of both kinds. Where several cases can
// be done either chooses by chance, so that here at most one can: one channel of
// two has all the room.
func TestSelectSame(t *testing.T) {
	same(t, func() step {
		a, b := make(chan int), make(chan int)
		return func(ctx context.Context, r *rand.Rand, _ func(int)) string {
			v := r.Int()
			switch r.IntN(4) {
			case 0:
				select {
				case a <- v:
					return fmt.Sprint("sent ", v)
				case <-ctx.Done():
					return fmt.Sprint(ctx.Err())
				}
			case 1:
				select {
				case v := <-a:
					return fmt.Sprint(0, v)
				case b <- v:
					return fmt.Sprint(1, v)
				case <-ctx.Done():
					return fmt.Sprint(-1, ctx.Err())
				}
			case 2:
				select {
				case v := <-b:
					return fmt.Sprint(0, v)
				default:
					return fmt.Sprint(1, 0)
				}
			default:
				select {
				case a <- v:
					return fmt.Sprint(0, v)
				default:
					return fmt.Sprint(1, v)
				}
			}
		}
	}, func() step {
		a, b := trace.NewChan[int](0), make(chan int)
		return func(ctx context.Context, r *rand.Rand, _ func(int)) string {
			v := r.Int()
			switch r.IntN(4) {
			case 0:
				if err := a.Send(ctx, v); err != nil {
					return fmt.Sprint(err)
				}
				return fmt.Sprint("sent ", v)
			case 1:
				var got int
				switch i, err := trace.Select(ctx, a.CaseRecv(&got, nil), trace.CaseSend(b, v)); i {
				case 0:
					return fmt.Sprint(i, got)
				case 1:
					return fmt.Sprint(i, v)
				default:
					return fmt.Sprint(i, err)
				}
			case 2:
				var got int
				i, _ := trace.Select(ctx, trace.CaseRecv(b, &got, nil), trace.CaseDefault())
				return fmt.Sprint(i, got)
			default:
				i, _ := trace.Select(ctx, trace.CaseDefault(), a.CaseSend(v))
				return fmt.Sprint(1-i, v)
			}
		}
	})
}
