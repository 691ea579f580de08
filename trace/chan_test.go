package trace_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wakechain/wakechain/trace"
)

// go1 starts a goroutine that begins with a sleep that is not recorded.
func go1(ctx context.Context, name string, after time.Duration, fn func(context.Context) error) *trace.Task {
	return trace.Go(ctx, name, func(ctx context.Context) error {
		time.Sleep(after)
		return fn(ctx)
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

// A Chan behaves like a bare channel in random sequences of calls.
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

// Every value is received once, in the order of its sender, and every span is complete.
func TestChanConcurrentSafe(t *testing.T) {
	const senders, receivers, each = 4, 3, 200
	for _, size := range []int{0, 2} {
		ctx, _ := record(t)
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
	}
}

func TestChanAllocs(t *testing.T) {
	c := trace.NewChan[int](1)
	wantAllocs(t, 0, func(ctx context.Context) {
		_ = c.Send(ctx, 1)
		_, _ = c.Recv(ctx)
	})
}
