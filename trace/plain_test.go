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

func TestPlain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, rec := record(t)
		ch := make(chan int, 1)
		_ = trace.Send(ctx, ch, 1)
		if v, err := trace.Recv(ctx, ch); v != 1 || err != nil {
			t.Errorf("Recv: got %v and %v, want 1", v, err)
		}
		time.AfterFunc(ms, func() { ch <- 2 })
		if v, err := trace.Recv(ctx, ch); v != 2 || err != nil {
			t.Errorf("Recv: got %v and %v, want 2", v, err)
		}
		_ = trace.Send(ctx, ch, 3)
		time.AfterFunc(ms, func() { <-ch })
		if err := trace.Send(ctx, ch, 4); err != nil {
			t.Errorf("Send: got %v, want nil", err)
		}
		if err := trace.Send(caused(ctx, ms, errEnough), ch, 5); err != errEnough {
			t.Errorf("Send: got %v, want %v", err, errEnough)
		}
		<-ch
		if _, err := trace.Recv(caused(ctx, ms, errEnough), ch); err != errEnough {
			t.Errorf("Recv: got %v, want %v", err, errEnough)
		}
		time.AfterFunc(ms, func() { close(ch) })
		for range 2 {
			if v, err := trace.Recv(ctx, ch); v != 0 || err != io.EOF {
				t.Errorf("Recv: got %v and %v, want 0 and %v", v, err, io.EOF)
			}
		}
		samePanic(t, "Send when closed", func() { ch <- 1 }, func() { _ = trace.Send(ctx, ch, 1) })
		tracetest.AssertTree(t, rec.Chain(), `
			recv @0s 1ms
				block @0s 1ms {block.reason=chan.recv}
				wake @1ms 0s {wake.reason=received}
			send @1ms 1ms
				block @1ms 1ms {block.reason=chan.send}
				wake @2ms 0s {wake.reason=sent}
			send @2ms 1ms
				block @2ms 1ms {block.reason=chan.send}
				wake @3ms 0s {wake.reason=canceled}
			recv @3ms 1ms
				block @3ms 1ms {block.reason=chan.recv}
				wake @4ms 0s {wake.reason=canceled}
			recv @4ms 1ms
				block @4ms 1ms {block.reason=chan.recv}
				wake @5ms 0s {wake.reason=closed}
		`, shape...)
	})
}

func TestPlainAllOps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, rec := record(t, trace.WithAllOps())
		ch := make(chan int, 1)
		_ = trace.Send(ctx, ch, 1)
		_, _ = trace.Recv(ctx, ch)
		close(ch)
		protect(func() { _ = trace.Send(ctx, ch, 1) })
		tracetest.AssertTree(t, rec.Chain(), `
			send @0s 0s
			recv @0s 0s
			send @0s 0s {status=error, error.type=panic}
		`, shape...)
	})
}

func TestPlainSame(t *testing.T) {
	same(t, func() step {
		ch := make(chan int, 1)
		return func(ctx context.Context, r *rand.Rand, _ func(int)) string {
			if v := r.Int(); r.IntN(2) == 0 {
				select {
				case ch <- v:
					return fmt.Sprint(v, nil)
				case <-ctx.Done():
					return fmt.Sprint(v, ctx.Err())
				}
			}
			select {
			case v := <-ch:
				return fmt.Sprint(v, nil)
			case <-ctx.Done():
				return fmt.Sprint(0, ctx.Err())
			}
		}
	}, func() step {
		ch := make(chan int, 1)
		return func(ctx context.Context, r *rand.Rand, _ func(int)) string {
			if v := r.Int(); r.IntN(2) == 0 {
				return fmt.Sprint(v, trace.Send(ctx, ch, v))
			}
			v, err := trace.Recv(ctx, ch)
			return fmt.Sprint(v, err)
		}
	})
}

func TestPlainAllocs(t *testing.T) {
	ch := make(chan int, 1)
	wantAllocs(t, 0, func(ctx context.Context) {
		_ = trace.Send(ctx, ch, 1)
		_, _ = trace.Recv(ctx, ch)
	})
}
