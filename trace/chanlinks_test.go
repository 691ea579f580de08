package trace_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/tracetest"
)

func TestChanLinks(t *testing.T) {
	type ch = *trace.Chan[int]
	send := func(c ch, n int) func(context.Context) error {
		return func(ctx context.Context) error {
			for v := range n {
				if err := c.Send(ctx, v); err != nil {
					return err
				}
			}
			return nil
		}
	}
	recv := func(c ch, n int) func(context.Context) error {
		return func(ctx context.Context) error {
			for range n {
				if _, err := c.Recv(ctx); err != nil {
					return err
				}
			}
			return nil
		}
	}
	tests := []struct {
		name string
		size int
		do   func(context.Context, ch)
		want string
	}{
		{"nobody waits", 1, func(ctx context.Context, c ch) {
			go1(ctx, "a", 0, send(c, 1))
			go1(ctx, "b", ms, recv(c, 1))
		}, `
			a @0s 0s {goroutine.state=finished}
			b @0s 1ms {goroutine.state=finished}
		`},
		{"a receiver waits", 0, func(ctx context.Context, c ch) {
			go1(ctx, "a", 2*ms, send(c, 1))
			go1(ctx, "b", 0, recv(c, 1))
		}, `
			a @0s 2ms {goroutine.state=finished}
			b @0s 2ms {goroutine.state=finished}
				recv @0s 2ms
					block @0s 2ms {block.reason=chan.recv}
					wake @2ms 0s {wake.reason=received} -> a
		`},
		{"a sender waits", 0, func(ctx context.Context, c ch) {
			go1(ctx, "a", 0, send(c, 1))
			go1(ctx, "b", 2*ms, recv(c, 1))
		}, `
			a @0s 2ms {goroutine.state=finished}
				send @0s 2ms
					block @0s 2ms {block.reason=chan.send}
					wake @2ms 0s {wake.reason=sent} -> b
			b @0s 2ms {goroutine.state=finished}
		`},
		{"the buffer is full", 2, func(ctx context.Context, c ch) {
			go1(ctx, "a", 0, send(c, 3))
			go1(ctx, "b", 2*ms, recv(c, 3))
		}, `
			a @0s 2ms {goroutine.state=finished}
				send @0s 2ms
					block @0s 2ms {block.reason=chan.send}
					wake @2ms 0s {wake.reason=sent} -> b
			b @0s 2ms {goroutine.state=finished}
		`},
		// What b gets second was sent by an operation.
		{"one waits for the other in turn", 0, func(ctx context.Context, c ch) {
			go1(ctx, "a", 0, func(ctx context.Context) error {
				err := send(c, 1)(ctx)
				time.Sleep(ms)
				return errors.Join(err, send(c, 1)(ctx))
			})
			go1(ctx, "b", ms, func(ctx context.Context) error {
				_, op := trace.Start(ctx, "late")
				defer op.End(nil)
				return errors.Join(recv(c, 1)(op.Context()), recv(c, 1)(op.Context()))
			})
		}, `
			a @0s 2ms {goroutine.state=finished}
				send @0s 1ms
					block @0s 1ms {block.reason=chan.send}
					wake @1ms 0s {wake.reason=sent} -> late
			b @0s 2ms {goroutine.state=finished}
				late @1ms 1ms
					recv @1ms 1ms
						block @1ms 1ms {block.reason=chan.recv}
						wake @2ms 0s {wake.reason=received} -> a
		`},
		{"several senders, one receiver", 0, func(ctx context.Context, c ch) {
			go1(ctx, "a", 0, send(c, 1))
			go1(ctx, "b", ms, send(c, 1))
			go1(ctx, "c", 2*ms, func(ctx context.Context) error {
				return errors.Join(recv(c, 1)(ctx), trace.Sleep(ctx, ms), recv(c, 1)(ctx))
			})
		}, `
			a @0s 2ms {goroutine.state=finished}
				send @0s 2ms
					block @0s 2ms {block.reason=chan.send}
					wake @2ms 0s {wake.reason=sent} -> c
			b @0s 3ms {goroutine.state=finished}
				send @1ms 2ms
					block @1ms 2ms {block.reason=chan.send}
					wake @3ms 0s {wake.reason=sent} -> c
			c @0s 3ms {goroutine.state=finished}
				sleep @2ms 1ms
					block @2ms 1ms {block.reason=sleep}
					wake @3ms 0s {wake.reason=timer}
		`},
		{"closed while a receiver waits", 0, func(ctx context.Context, c ch) {
			go1(ctx, "a", ms, func(ctx context.Context) error { c.Close(ctx); return nil })
			go1(ctx, "b", 0, recv(c, 1))
		}, `
			a @0s 1ms {goroutine.state=finished}
			b @0s 1ms {goroutine.state=finished}
				recv @0s 1ms
					block @0s 1ms {block.reason=chan.recv}
					wake @1ms 0s {wake.reason=closed} -> a
		`},
		{"closed while a sender waits", 0, func(ctx context.Context, c ch) {
			go1(ctx, "a", ms, func(ctx context.Context) error { c.Close(ctx); return nil })
			go1(ctx, "b", 0, func(ctx context.Context) error {
				protect(func() { _ = send(c, 1)(ctx) })
				return nil
			})
		}, `
			a @0s 1ms {goroutine.state=finished}
			b @0s 1ms {goroutine.state=finished}
				send @0s 1ms {status=error, error.type=panic}
					block @0s 1ms {block.reason=chan.send}
					wake @1ms 0s {wake.reason=closed} -> a
		`},
		{"given up", 0, func(ctx context.Context, c ch) {
			go1(ctx, "a", 0, func(ctx context.Context) error {
				if err := send(c, 1)(caused(ctx, ms, errEnough)); err != errEnough {
					t.Errorf("Send: got %v, want %v", err, errEnough)
				}
				return nil
			})
			go1(ctx, "b", 2*ms, func(ctx context.Context) error {
				if err := recv(c, 1)(caused(ctx, ms, errEnough)); err != errEnough {
					t.Errorf("Recv: got %v, want %v", err, errEnough)
				}
				return nil
			})
		}, `
			a @0s 1ms {goroutine.state=finished}
				send @0s 1ms
					block @0s 1ms {block.reason=chan.send}
					wake @1ms 0s {wake.reason=canceled}
			b @0s 3ms {goroutine.state=finished}
				recv @2ms 1ms
					block @2ms 1ms {block.reason=chan.recv}
					wake @3ms 0s {wake.reason=canceled}
		`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if race && strings.HasPrefix(tt.name, "closed while a sender") {
				t.Skip("the race detector reports who closes what another one sends on, as it should")
			}
			synctest.Test(t, func(t *testing.T) {
				ctx, rec := record(t)
				tt.do(ctx, trace.NewChan[int](tt.size))
				time.Sleep(time.Second)
				tracetest.AssertTree(t, rec.Chain(), tt.want, shape...)
			})
		})
	}
}

// If several receivers may have woken a sender, it links to the span that they have in
// common.
func TestChanManyReceivers(t *testing.T) {
	for _, tt := range []struct {
		name, want string
		receive    func(ctx context.Context, c *trace.Chan[int])
	}{
		{"one operation", "op", func(ctx context.Context, c *trace.Chan[int]) {
			_, op := trace.Start(ctx, "op")
			_, _ = c.Recv(op.Context())
			_, _ = c.Recv(op.Context())
			op.End(nil)
		}},
		{"one goroutine", "b", func(ctx context.Context, c *trace.Chan[int]) {
			for range 2 {
				_, op := trace.Start(ctx, "op")
				_, _ = c.Recv(op.Context())
				op.End(nil)
			}
		}},
		{"two goroutines", "", func(ctx context.Context, c *trace.Chan[int]) {
			for _, name := range []string{"c", "d"} {
				_ = trace.Handle(ctx, name, func(ctx context.Context) error { _, err := c.Recv(ctx); return err })
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			// Senders run on when they can, or only after both receives: then each
			// could be woken by either.
			wakes := 0
			for range 200 {
				synctest.Test(t, func(t *testing.T) {
					ctx, rec := record(t)
					c := trace.NewChan[int](0)
					for range 2 {
						trace.Go(ctx, "a", func(ctx context.Context) error { return c.Send(ctx, 1) })
					}
					trace.Go(ctx, "b", func(ctx context.Context) error {
						time.Sleep(ms)
						tt.receive(ctx, c)
						return nil
					})
					time.Sleep(2 * ms)
					for _, s := range rec.Chain().Named("wake") {
						got := ""
						if len(s.Links) > 0 {
							got = s.Links[0].Span.Name
						}
						if got == tt.want {
							wakes++
						} else if want := map[string]string{"b": "op", "": "go c go d"}[tt.want]; !strings.Contains(want, got) || got == "" {
							t.Errorf("a wake links to %q, want %q, or %q where that is clear", got, tt.want, want)
						}
					}
				})
			}
			if wakes == 0 {
				t.Errorf("no wake linked to %q", tt.want)
			}
		})
	}
}

// A receiver that waits links to the sender of a value that was sent before.
func TestChanCarriesTheSender(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, rec := record(t)
		c := new(trace.Chan[string]) // the zero value
		a, op := trace.Start(ctx, "a")
		go func() { _ = c.Send(a, "v") }()
		synctest.Wait()
		if v, err := c.Recv(ctx); v != "v" || err != nil {
			t.Errorf("got %q and %v, want v", v, err)
		}
		go func() { time.Sleep(ms); _ = c.Send(a, "w") }()
		if v, err := c.Recv(ctx); v != "w" || err != nil {
			t.Errorf("got %q and %v, want w", v, err)
		}
		op.End(nil)
		tracetest.AssertTree(t, rec.Chain(), `
			a @0s 1ms
				send @0s 0s
					block @0s 0s {block.reason=chan.send}
					wake @0s 0s {wake.reason=sent}
			recv @0s 1ms
				block @0s 1ms {block.reason=chan.recv}
				wake @1ms 0s {wake.reason=received} -> a
		`, shape...)
	})
}

// There are no links to unrecorded spans. If nothing is recorded, everything works.
func TestChanOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, rec := record(t)
		off := new(trace.Tracer).NewContext(t.Context())
		unsampled := oteltrace.ContextWithSpanContext(off, oteltrace.NewSpanContext(oteltrace.SpanContextConfig{
			TraceID: oteltrace.TraceID{1}, SpanID: oteltrace.SpanID{1},
		}))
		for _, other := range []context.Context{off, unsampled} {
			c := trace.NewChan[int](0)
			time.AfterFunc(ms, func() { _ = c.Send(other, 1) })
			_, _ = c.Recv(ctx)
			time.AfterFunc(ms, func() { _, _ = c.Recv(other) })
			_ = c.Send(ctx, 2)
			time.AfterFunc(ms, func() { _ = c.Send(other, 3) })
			if v, err := c.Recv(other); v != 3 || err != nil {
				t.Errorf("got %v and %v, want 3", v, err)
			}
		}
		tracetest.AssertTree(t, rec.Chain(), `
			recv @0s 1ms
				block @0s 1ms {block.reason=chan.recv}
				wake @1ms 0s {wake.reason=received}
			send @1ms 1ms
				block @1ms 1ms {block.reason=chan.send}
				wake @2ms 0s {wake.reason=sent}
			recv @3ms 1ms
				block @3ms 1ms {block.reason=chan.recv}
				wake @4ms 0s {wake.reason=received}
			send @4ms 1ms
				block @4ms 1ms {block.reason=chan.send}
				wake @5ms 0s {wake.reason=sent}
		`, shape...)
	})
}

func TestChanAllOps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, rec := record(t, trace.WithAllOps())
		c := trace.NewChan[int](1)
		_ = c.Send(ctx, 1)
		go func() { _ = c.Send(ctx, 2) }()
		time.Sleep(ms)
		_, _ = c.Recv(ctx)
		synctest.Wait() // else it could have been either
		_, _ = c.Recv(ctx)
		c.Close(ctx)
		_, _ = c.Recv(ctx)
		protect(func() { _ = c.Send(ctx, 3) })
		synctest.Wait()
		tracetest.AssertTree(t, rec.Chain(), `
			send @0s 0s
			send @0s 1ms
				block @0s 1ms {block.reason=chan.send}
				wake @1ms 0s {wake.reason=sent} -> recv
			recv @1ms 0s
			recv @1ms 0s
			recv @1ms 0s
			send @1ms 0s {status=error, error.type=panic}
		`, shape...)
	})
}
