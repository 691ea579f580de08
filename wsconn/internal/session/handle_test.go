package session_test

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/tracetest"
)

// What a handler's function returns decides how its connection is closed.
func TestHandle(t *testing.T) {
	for _, test := range []struct {
		name string
		run  func(ctx context.Context, c conn) error
		code int // the peer sees it: 0 means none; -1 lets the function close
		want string
	}{
		{"nil", func(ctx context.Context, c conn) error {
			time.Sleep(10 * ms)
			return c.Write(ctx, messageText, []byte("hi"))
		}, 1000, `
			echo @0s 10ms {state=finished}
				write @10ms 0s {message.type=text, message.size=2, message.index=1, frame.count=1, wire.size=4}
				close @10ms 0s {close.code=1000, close.initiator=local, close.completed=true, close.wait=0}
		`},
		{"error", func(context.Context, conn) error { return errors.New("no") }, 1011, `
			echo @0s 0s {status=error, state=failed, error.type=_OTHER}
				close @0s 0s {status=error, error.type=1011, close.code=1011, close.initiator=local, close.completed=true, close.wait=0}
		`},
		{"canceled", func(ctx context.Context, _ conn) error {
			<-ctx.Done()
			return ctx.Err()
		}, 1001, `
			echo @0s 20ms {state=canceled}
				close @20ms 0s {close.code=1001, close.initiator=local, close.completed=true, close.wait=0}
		`},
		{"canceled in a read", func(ctx context.Context, c conn) error {
			_, _, err := c.Read(ctx)
			return err
		}, 0, `
			echo @0s 20ms {state=canceled} -> read
				read @0s 20ms
					block @0s 20ms {reason=net.read, source=timed}
					close @20ms 0s {status=error, error.type=canceled, close.completed=false}
					wake @20ms 0s {reason=canceled}
		`},
		{"panic", func(context.Context, conn) error { panic(http.ErrAbortHandler) }, 1011, `
			echo @0s 0s {status=error, state=panicked, error.type=panic}
				close @0s 0s {status=error, error.type=1011, close.code=1011, close.initiator=local, close.completed=true, close.wait=0}
		`},
		{"goexit", func(context.Context, conn) error {
			runtime.Goexit()
			return nil
		}, 1011, `
			echo @0s 0s {status=error, state=failed, error.type=_OTHER}
				close @0s 0s {status=error, error.type=1011, close.code=1011, close.initiator=local, close.completed=true, close.wait=0}
		`},
		{"remote close", func(ctx context.Context, c conn) error {
			_, _, err := c.Read(ctx)
			return err
		}, -1, `
			echo @0s 0s {state=finished}
				read @0s 0s
					close @0s 0s {close.code=1000, close.initiator=remote, close.completed=true, close.wait=0}
		`},
		{"closed by itself", func(_ context.Context, c conn) error {
			return c.Close(4000, "mine")
		}, 4000, `
			echo @0s 0s {state=finished}
				close @0s 0s {status=error, error.type=4000, close.code=4000, close.initiator=local, close.completed=true, close.wait=0}
		`},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, lib library) {
				rec := newRecorder(t)
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(20*ms, cancel)
				var panicked atomic.Bool
				h := lib.handler("echo", test.run, rec.option())
				s := setup{}
				url := dialable(t, &s, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					defer func() {
						if v := recover(); v != nil {
							panicked.Store(true)
							panic(v) // reaches the library's user
						}
					}()
					h.ServeHTTP(w, r.WithContext(ctx))
				}))
				c, _, err := lib.bare.dial(t.Context(), url, s.options)
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = c.CloseNow() }()
				if test.code < 0 {
					_ = c.Close(1000, "")
				}
				for err == nil {
					_, _, err = c.Read(t.Context())
				}
				if got := lib.closeStatus(err); test.code > 0 && got != test.code {
					t.Errorf("got close code %d, want %d (%v)", got, test.code, err)
				}
				synctest.Wait()
				if got, want := panicked.Load(), test.name == "panic"; got != want {
					t.Errorf("panicked: got %v, want %v", got, want)
				}
				wantTree(t, rec, test.want)
			})
		})
	}
}

// A handler whose connection is not sampled handles it all the same.
func TestHandleOff(t *testing.T) {
	bubble(t, func(t *testing.T, lib library) {
		off := offs(t)["unsampled"]
		s := setup{}
		url := dialable(t, &s, lib.handler("echo", func(ctx context.Context, c conn) error {
			typ, msg, err := c.Read(ctx)
			if err != nil {
				return err
			}
			return c.Write(ctx, typ, msg)
		}, off.option()))
		c, _, err := lib.bare.dial(t.Context(), url, s.options)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.CloseNow() }()
		_ = c.Write(t.Context(), messageText, []byte("hi"))
		if _, msg, err := c.Read(t.Context()); err != nil || string(msg) != "hi" {
			t.Errorf("got %q, %v", msg, err)
		}
		if _, _, err := c.Read(t.Context()); lib.closeStatus(err) != 1000 {
			t.Errorf("got %v, want a normal closure", err)
		}
		tracetest.AssertTree(t, off.Chain(), ``)
	})
}

// The goroutine's span is a child of the handshake, and the parent of what it does.
func TestHandleParents(t *testing.T) {
	bubble(t, func(t *testing.T, lib library) {
		rec := newRecorder(t)
		s := setup{}
		url := dialable(t, &s, lib.handler("echo", func(ctx context.Context, c conn) error {
			return c.Write(ctx, messageText, nil)
		}, rec.option()))
		c, _, err := lib.bare.dial(t.Context(), url, s.options)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.CloseNow() }()
		for err == nil {
			_, _, err = c.Read(t.Context())
		}
		synctest.Wait()
		spawned := tracetest.One(t, rec.Chain(), "echo")
		if got, want := spawned.ParentID, tracetest.One(t, rec.Chain(), semconv.SpanHandshake).SpanID; got != want {
			t.Errorf("echo: got parent %v, want the handshake %v", got, want)
		}
		for _, name := range []string{semconv.SpanWrite, semconv.SpanClose} {
			if got, want := tracetest.One(t, rec.Chain(), name).ParentID, spawned.SpanID; got != want {
				t.Errorf("%s: got parent %v, want echo %v", name, got, want)
			}
		}
	})
}
