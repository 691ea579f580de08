package session_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/explain"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/tracetest"
)

// A healthy service of three clients, which close like a browser's close(), with 1000
// and with 1001, reports no failure, however its handlers are run, and whether they
// read or use CloseRead.
func TestNormalCloses(t *testing.T) {
	each(t, func(t *testing.T, lib library) {
		reads := func(ctx context.Context, c conn) error {
			for {
				if _, _, err := c.Read(ctx); err != nil {
					return err
				}
			}
		}
		closeReads := func(ctx context.Context, c conn) error {
			ctx = c.CloseRead(ctx)
			<-ctx.Done()
			return ctx.Err()
		}
		var rec *recorder
		accept := func(f func(ctx context.Context, c conn)) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				c, err := lib.traced.accept(w, r, options{}, rec.option())
				if err != nil {
					t.Error(err)
					return
				}
				defer func() { _ = c.CloseNow() }()
				f(rec.context(context.WithoutCancel(r.Context())), c)
			})
		}
		for _, fn := range []func(context.Context, conn) error{reads, closeReads} {
			for i := range 4 {
				rec = newRecorder(t)
				h := []http.Handler{
					lib.handler("handler", fn, rec.option()),
					accept(func(ctx context.Context, c conn) {
						_ = trace.Handle(ctx, "handler", func(ctx context.Context) error { return fn(ctx, c) })
					}),
					accept(func(ctx context.Context, c conn) {
						_ = trace.Go(ctx, "handler", func(ctx context.Context) error { return fn(ctx, c) }).Wait(ctx)
					}),
					accept(func(ctx context.Context, c conn) {
						g, own := trace.NewGroup(ctx)
						g.Go(own, "handler", func(ctx context.Context) error { return fn(ctx, c) })
						_ = g.Wait(ctx)
					}),
				}[i]
				l, url := listen(t)
				serve(t, l, h)
				for _, code := range []int{1005, 1000, 1001} {
					c, _, err := lib.bare.dial(t.Context(), url, options{})
					if err != nil {
						t.Fatal(err)
					}
					_ = c.Close(code, "")
				}
				wantEnd(t, rec, "handler", 3)
				wantEnd(t, rec, semconv.SpanClose, 3)
				wantEnded(t, rec)
				spans := rec.Chain()
				for _, s := range spans.Spans {
					if s.Failed() || s.Str(semconv.GoroutineStateKey) == string(semconv.StateFailed) {
						t.Errorf("%s failed: %v %v", s.Name, s.Status, s.Attributes)
					}
				}
				if found := explain.Explain(spans); len(found) != 0 {
					t.Errorf("got the findings %v, want none", found)
				}
			}
		}
	})
}

// A close code that is not normal is kept wherever the error is recorded. The peer's
// reason, which is untrusted text, is not.
func TestCloseCodes(t *testing.T) {
	each(t, func(t *testing.T, lib library) {
		rec := newRecorder(t)
		l, url := listen(t)
		serve(t, l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c, err := lib.traced.accept(w, r, options{}, rec.option())
			if err != nil {
				t.Error(err)
				return
			}
			_ = trace.Handle(rec.context(context.WithoutCancel(r.Context())), "handler", func(ctx context.Context) error {
				_, _, err := c.Read(ctx)
				return err
			})
			_ = c.CloseNow()
		}))
		c, _, err := lib.bare.dial(t.Context(), url, options{})
		if err != nil {
			t.Fatal(err)
		}
		_ = c.Close(1008, "secret")
		wantEnd(t, rec, "handler", 1)
		wantEnded(t, rec)
		for _, name := range []string{"handler", semconv.SpanRead, semconv.SpanClose} {
			s := tracetest.One(t, rec.Chain(), name)
			if got, want := s.Status.Description, "close frame 1008 (policy violation)"; got != want {
				t.Errorf("%s: got status %q, want %q", name, got, want)
			}
			if got := s.Str(semconv.ErrorTypeKey); got != "1008" {
				t.Errorf("%s: got error.type %q, want 1008", name, got)
			}
		}
		if all := rec.Chain().String(); strings.Contains(all, "secret") {
			t.Errorf("got the peer's reason:\n%s", all)
		}
	})
}
