package trace_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace"
)

// go1 starts a goroutine that begins with a sleep that is not recorded.
func go1(ctx context.Context, name string, after time.Duration, fn func(context.Context) error) *trace.Task {
	return trace.Go(ctx, name, func(ctx context.Context) error {
		time.Sleep(after)
		return fn(ctx)
	})
}

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
			go a 0-0
			  a 0-0 finished
			go b 0-0
			  b 0-1 finished
		`},
		{"a receiver waits", 0, func(ctx context.Context, c ch) {
			go1(ctx, "a", 2*ms, send(c, 1))
			go1(ctx, "b", 0, recv(c, 1))
		}, `
			go a 0-0
			  a 0-2 finished
			go b 0-0
			  recv 0-2
			    block 0-2 chan.recv
			    wake 2-2 received -> go a
			  b 0-2 finished
		`},
		{"a sender waits", 0, func(ctx context.Context, c ch) {
			go1(ctx, "a", 0, send(c, 1))
			go1(ctx, "b", 2*ms, recv(c, 1))
		}, `
			go a 0-0
			  send 0-2
			    block 0-2 chan.send
			    wake 2-2 sent -> go b
			  a 0-2 finished
			go b 0-0
			  b 0-2 finished
		`},
		{"the buffer is full", 2, func(ctx context.Context, c ch) {
			go1(ctx, "a", 0, send(c, 3))
			go1(ctx, "b", 2*ms, recv(c, 3))
		}, `
			go a 0-0
			  send 0-2
			    block 0-2 chan.send
			    wake 2-2 sent -> go b
			  a 0-2 finished
			go b 0-0
			  b 0-2 finished
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
			go a 0-0
			  send 0-1
			    block 0-1 chan.send
			    wake 1-1 sent -> late
			  a 0-2 finished
			go b 0-0
			  b 0-2 finished
			  late 1-2
			    recv 1-2
			      block 1-2 chan.recv
			      wake 2-2 received -> go a
		`},
		{"several senders, one receiver", 0, func(ctx context.Context, c ch) {
			go1(ctx, "a", 0, send(c, 1))
			go1(ctx, "b", ms, send(c, 1))
			go1(ctx, "c", 2*ms, func(ctx context.Context) error {
				return errors.Join(recv(c, 1)(ctx), trace.Sleep(ctx, ms), recv(c, 1)(ctx))
			})
		}, `
			go a 0-0
			  send 0-2
			    block 0-2 chan.send
			    wake 2-2 sent -> go c
			  a 0-2 finished
			go b 0-0
			  b 0-3 finished
			  send 1-3
			    block 1-3 chan.send
			    wake 3-3 sent -> go c
			go c 0-0
			  c 0-3 finished
			  sleep 2-3
			    block 2-3 sleep
			    wake 3-3 timer
		`},
		{"closed while a receiver waits", 0, func(ctx context.Context, c ch) {
			go1(ctx, "a", ms, func(ctx context.Context) error { c.Close(ctx); return nil })
			go1(ctx, "b", 0, recv(c, 1))
		}, `
			go a 0-0
			  a 0-1 finished
			go b 0-0
			  recv 0-1
			    block 0-1 chan.recv
			    wake 1-1 closed -> go a
			  b 0-1 finished
		`},
		{"closed while a sender waits", 0, func(ctx context.Context, c ch) {
			go1(ctx, "a", ms, func(ctx context.Context) error { c.Close(ctx); return nil })
			go1(ctx, "b", 0, func(ctx context.Context) error {
				protect(func() { _ = send(c, 1)(ctx) })
				return nil
			})
		}, `
			go a 0-0
			  a 0-1 finished
			go b 0-0
			  send 0-1 Error panic
			    block 0-1 chan.send
			    wake 1-1 closed -> go a
			  b 0-1 finished
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
			go a 0-0
			  send 0-1
			    block 0-1 chan.send
			    wake 1-1 canceled
			  a 0-1 finished
			go b 0-0
			  b 0-3 finished
			  recv 2-3
			    block 2-3 chan.recv
			    wake 3-3 canceled
		`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if race && strings.HasPrefix(tt.name, "closed while a sender") {
				t.Skip("the race detector reports who closes what another one sends on, as it should")
			}
			synctest.Test(t, func(t *testing.T) {
				ctx, rec := record(t.Context())
				tt.do(ctx, trace.NewChan[int](tt.size))
				time.Sleep(time.Second)
				wantShape(t, rec, tt.want)
			})
		})
	}
}

// Where it could have been any of several, a sender links to what they have in
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
		{"one goroutine", "go b", func(ctx context.Context, c *trace.Chan[int]) {
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
					ctx, rec := record(t.Context())
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
					for _, s := range rec.Ended() {
						if s.Name() != "wake" {
							continue
						}
						got := ""
						if len(s.Links()) > 0 {
							got = spanName(rec, s.Links()[0].SpanContext.SpanID())
						}
						if got == tt.want {
							wakes++
						} else if want := map[string]string{"go b": "op", "": "go c go d"}[tt.want]; !strings.Contains(want, got) || got == "" {
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

// What was sent before, and by whom, is known where the receiver waits for it.
func TestChanCarriesTheSender(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, rec := record(t.Context())
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
		wantShape(t, rec, `
		a 0-1
		  send 0-0
		    block 0-0 chan.send
		    wake 0-0 sent
		recv 0-1
		  block 0-1 chan.recv
		  wake 1-1 received -> a
		`)
	})
}

// Nobody can follow a link to what is not recorded, so that there is none; and
// where nothing is recorded, all works.
func TestChanOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, rec := record(t.Context())
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
		for _, s := range rec.Ended() {
			if len(s.Links()) > 0 {
				t.Errorf("%s has a link to what is not recorded", s.Name())
			}
		}
		if got := len(rec.Ended()); got != 12 {
			t.Errorf("got %d spans, want 12", got)
		}
	})
}

func TestChanAllOps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, rec := record(t.Context(), trace.WithAllOps())
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
		wantShape(t, rec, `
		send 0-0
		send 0-1
		  block 0-1 chan.send
		  wake 1-1 sent -> recv
		recv 1-1
		recv 1-1
		recv 1-1
		send 1-1 Error panic
		`)
	})
}

func TestChanClose(t *testing.T) {
	ctx := t.Context()
	c := trace.NewChan[int](2)
	_ = c.Send(ctx, 1)
	if got, want := [2]int{c.Len(), c.Cap()}, [2]int{1, 2}; got != want {
		t.Errorf("Len and Cap: got %v, want %v", got, want)
	}
	_ = c.Send(ctx, 2)
	c.Close(ctx)
	if got, want := slices.Collect(c.All(ctx)), []int{1, 2}; !slices.Equal(got, want) {
		t.Errorf("All: got %v, want %v", got, want)
	}
	if v, err := c.Recv(ctx); v != 0 || err != io.EOF {
		t.Errorf("Recv: got %v and %v, want 0 and %v", v, err, io.EOF)
	}
	for range c.All(ctx) {
		t.Error("All of a closed channel yields")
	}
	bare := make(chan int)
	close(bare)
	samePanic(t, "Send when closed", func() { bare <- 1 }, func() { _ = c.Send(ctx, 1) })
	samePanic(t, "Close when closed", func() { close(bare) }, func() { c.Close(ctx) })
	if _, err := c.Recv(ctx); err != io.EOF {
		t.Errorf("Recv after panics: got %v, want %v", err, io.EOF)
	}
}

func TestChanNil(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c *trace.Chan[int]
		var bare chan int
		ctx := caused(t.Context(), ms, errEnough)
		if err := c.Send(ctx, 1); err != errEnough {
			t.Errorf("Send: got %v, want %v", err, errEnough)
		}
		if _, err := c.Recv(ctx); err != errEnough {
			t.Errorf("Recv: got %v, want %v", err, errEnough)
		}
		if i, err := trace.Select(ctx, c.CaseSend(1), c.CaseRecv(nil, nil)); i != -1 || err != errEnough {
			t.Errorf("Select: got %d and %v, want -1 and %v", i, err, errEnough)
		}
		if got := c.Len() + c.Cap(); got != 0 {
			t.Errorf("Len and Cap: got %d, want 0", got)
		}
		samePanic(t, "Close", func() { close(bare) }, func() { c.Close(ctx) })
	})
}

// An iteration can be left, and ends with the context.
func TestChanAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := trace.NewChan[int](3)
		for v := range 3 {
			_ = c.Send(t.Context(), v)
		}
		for range c.All(t.Context()) {
			break
		}
		got := slices.Collect(c.All(caused(t.Context(), ms, nil)))
		if want := []int{1, 2}; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}

// Like a bare channel, whatever is done to it.
func TestChanSame(t *testing.T) {
	for _, size := range []int{0, 1, 3} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			same(t, func() step {
				ch := make(chan int, size)
				return func(ctx context.Context, r *rand.Rand, _ func(int)) string {
					n, v, got := r.IntN(20), r.Int(), 0
					switch {
					case n == 0 && !race: // see TestChanLinks
						return protect(func() { close(ch) })
					case n < 3:
						return fmt.Sprint(len(ch), cap(ch))
					case n < 11:
						err := error(nil)
						p := protect(func() {
							select {
							case ch <- v:
							case <-ctx.Done():
								err = ctx.Err()
							}
						})
						return fmt.Sprint("sent ", v, err, p)
					default:
						ok := true
						select {
						case got, ok = <-ch:
							if !ok {
								return fmt.Sprint("got ", got, io.EOF)
							}
							return fmt.Sprint("got ", got, nil)
						case <-ctx.Done():
							return fmt.Sprint("got ", got, ctx.Err())
						}
					}
				}
			}, func() step {
				c := trace.NewChan[int](size)
				return func(ctx context.Context, r *rand.Rand, _ func(int)) string {
					switch n, v := r.IntN(20), r.Int(); {
					case n == 0 && !race:
						return protect(func() { c.Close(ctx) })
					case n < 3:
						return fmt.Sprint(c.Len(), c.Cap())
					case n < 11:
						err := error(nil)
						p := protect(func() { err = c.Send(ctx, v) })
						return fmt.Sprint("sent ", v, err, p)
					default:
						got, err := c.Recv(ctx)
						return fmt.Sprint("got ", got, err)
					}
				}
			})
		})
	}
}

// Every value arrives once, in the order of its sender, and every span is whole.
func TestChanConcurrentSafe(t *testing.T) {
	const senders, receivers, each = 4, 3, 200
	for _, size := range []int{0, 2} {
		ctx, rec := record(t.Context())
		c := trace.NewChan[[2]int](size)
		var sends, recvs sync.WaitGroup
		for s := range senders {
			sends.Go(func() {
				for i := range each {
					var err error
					if i%2 == 0 {
						err = c.Send(ctx, [2]int{s, i})
					} else {
						_, err = trace.Select(ctx, c.CaseSend([2]int{s, i}))
					}
					if err != nil {
						t.Error(err)
					}
					_ = c.Len()
				}
			})
		}
		var got [receivers][][2]int
		for r := range receivers {
			recvs.Go(func() {
				for {
					v, ok := [2]int{}, true
					if r == 0 {
						_, _ = trace.Select(ctx, c.CaseRecv(&v, &ok))
					} else if w, err := c.Recv(ctx); err != nil {
						ok = false
					} else {
						v = w
					}
					if !ok {
						return
					}
					got[r] = append(got[r], v)
				}
			})
		}
		sends.Wait()
		c.Close(ctx)
		recvs.Wait()
		n := 0
		for r := range got {
			last := [senders]int{-1, -1, -1, -1}
			for _, v := range got[r] {
				if v[1] <= last[v[0]] {
					t.Fatalf("receiver %d got %v after %d", r, v, last[v[0]])
				}
				last[v[0]] = v[1]
				n++
			}
		}
		if want := senders * each; n != want {
			t.Errorf("got %d values, want %d", n, want)
		}
		if got, want := len(rec.Started()), len(rec.Ended()); got != want {
			t.Errorf("got %d spans started, %d ended", got, want)
		}
	}
}

func TestChanAllocs(t *testing.T) {
	c := trace.NewChan[int](1)
	wantAllocs(t, 0, func(ctx context.Context) {
		_ = c.Send(ctx, 1)
		_, _ = c.Recv(ctx)
	})
}
