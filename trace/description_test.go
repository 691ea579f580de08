package trace_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/tracetest"
)

type panicking struct{}

func (panicking) Error() string { panic("no text") }

// The status of a span that failed has the text of its error, without control characters
// and of limited length.
func TestDescription(t *testing.T) {
	long := strings.Repeat("é", 400)
	for _, test := range []struct {
		name, want string
		err        error
	}{
		{"plain", "no such table: users", errors.New("no such table: users")},
		{"wrapped", "load: unexpected EOF", fmt.Errorf("load: %w", io.ErrUnexpectedEOF)},
		{"control characters", `red \x1b[31m\r\n`, errors.New("red \x1b[31m\r\n")},
		{"no UTF-8", `\xff`, errors.New("\xff")},
		{"long", strings.Repeat("é", 126) + "…", errors.New(long)},
		{"no text", "", panicking{}},
		{
			"URL", `dial: Get "https://host/path": refused`,
			fmt.Errorf("dial: %w", &url.Error{Op: "Get", URL: "https://user:word@host/path?token=secret#f", Err: errors.New("refused")}),
		},
		{"no URL", `parse "…": bad`, &url.Error{Op: "parse", URL: "https://host/%?token=secret", Err: errors.New("bad")}},
	} {
		t.Run(test.name, func(t *testing.T) {
			ctx, rec := record(t)
			_ = trace.Handle(ctx, "handler", func(ctx context.Context) error {
				_, op := trace.Start(ctx, "op")
				op.End(test.err)
				return test.err
			})
			for _, name := range []string{"op", "handler"} {
				got := tracetest.One(t, rec.Chain(), name).Status.Description
				if got != test.want {
					t.Errorf("%s: got %q, want %q", name, got, test.want)
				}
				if len(got) > 256 || !utf8.ValidString(got) {
					t.Errorf("%s: got %d bytes of %q", name, len(got), got)
				}
			}
		})
	}
}

// An error that is a normal end is no failure of an operation or a goroutine.
func TestNormalEnds(t *testing.T) {
	type run func(ctx context.Context, fn func(context.Context) error)
	runs := map[string]run{
		"Go":     func(ctx context.Context, fn func(context.Context) error) { _ = trace.Go(ctx, "g", fn).Wait(ctx) },
		"Handle": func(ctx context.Context, fn func(context.Context) error) { _ = trace.Handle(ctx, "g", fn) },
		"Group": func(ctx context.Context, fn func(context.Context) error) {
			g, own := trace.NewGroup(ctx)
			g.Go(own, "g", fn)
			_ = g.Wait(ctx)
		},
	}
	for _, test := range []struct {
		name  string
		err   error
		end   func(context.Context, context.CancelFunc) // before the function returns
		state semconv.State
		fails string
	}{
		{"EOF", io.EOF, nil, semconv.StateFinished, ""},
		{"server closed", fmt.Errorf("serve: %w", http.ErrServerClosed), nil, semconv.StateFinished, ""},
		{"own context", context.Canceled, func(_ context.Context, cancel context.CancelFunc) { cancel() }, semconv.StateCanceled, ""},
		{"a connection that the own context closed", net.ErrClosed, func(_ context.Context, cancel context.CancelFunc) { cancel() }, semconv.StateCanceled, ""},
		{"a context below, which ended as it should", context.Canceled, func(ctx context.Context, _ context.CancelFunc) {
			below, cancel := context.WithCancel(ctx)
			defer cancel()
			trace.Excuse(below)
		}, semconv.StateFinished, ""},
		{"a context below", context.Canceled, nil, semconv.StateFailed, semconv.ErrorCanceled},
		{"excused, and failed", io.ErrUnexpectedEOF, func(ctx context.Context, _ context.CancelFunc) { trace.Excuse(ctx) }, semconv.StateFailed, semconv.ErrorUnexpectedEOF},
		{"closed", net.ErrClosed, nil, semconv.StateFailed, semconv.ErrorClosed},
	} {
		for name, run := range runs {
			t.Run(test.name+"/"+name, func(t *testing.T) {
				ctx, rec := record(t)
				own, cancel := context.WithCancel(ctx)
				defer cancel()
				run(own, func(ctx context.Context) error {
					if test.end != nil {
						test.end(ctx, cancel)
					}
					return test.err
				})
				if err := rec.WaitN(ctx, tracetest.Name("g"), 1); err != nil {
					t.Fatal(err)
				}
				s := tracetest.One(t, rec.Chain(), "g")
				wantStatus(t, s, test.fails)
				if got := s.Str(semconv.GoroutineStateKey); got != string(test.state) {
					t.Errorf("got state %s, want %s", got, test.state)
				}
			})
		}
	}
}
