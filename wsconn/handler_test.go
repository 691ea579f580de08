package wsconn_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace/noop"
	"nhooyr.io/websocket"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/tracetest"
	"github.com/wakechain/wakechain/wsconn"
)

// A handler has the request, is named and described by it, and accepts by it.
func TestHandlerOfRequest(t *testing.T) {
	rec := tracetest.NewRecorder(t)
	got := make(chan string, 1)
	mux := http.NewServeMux()
	mux.Handle("GET /rooms/{room}", wsconn.Handler("room", func(_ context.Context, c *wsconn.Conn) error {
		got <- c.Request().PathValue("room") + " " + c.Subprotocol()
		return nil
	},
		wsconn.WithTracerProvider(rec.TracerProvider()),
		wsconn.WithHandlerName(func(r *http.Request) string { return "room of " + r.Header.Get("X-Tenant") }),
		wsconn.WithAttributes(func(r *http.Request) []attribute.KeyValue {
			return []attribute.KeyValue{attribute.String("tenant", r.Header.Get("X-Tenant"))}
		}),
		wsconn.WithAcceptOptionsFor(func(r *http.Request) *websocket.AcceptOptions {
			return &websocket.AcceptOptions{Subprotocols: []string{r.Header.Get("X-Tenant")}}
		})))
	srv := httptest.NewServer(mux)
	defer srv.Close()
	c, _, err := websocket.Dial(t.Context(), srv.URL+"/rooms/lobby", &websocket.DialOptions{
		HTTPHeader: http.Header{"X-Tenant": {"blue"}}, Subprotocols: []string{"blue"},
	})
	if err != nil {
		t.Fatal(err)
	}
	_, _, _ = c.Read(t.Context())
	if got, want := <-got, "lobby blue"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if err := rec.WaitEnded(t.Context()); err != nil {
		t.Error(err)
	}
	h := tracetest.One(t, rec.Chain(), semconv.SpanHandshake)
	if got := h.Str("tenant"); got != "blue" {
		t.Errorf("got tenant %q, want blue", got)
	}
	named := false
	for _, s := range rec.Chain().Spans {
		named = named || strings.Contains(s.Name, "room of blue")
	}
	if !named {
		t.Errorf("no goroutine has the name of the request:\n%v", rec.Chain())
	}
}

// A failure is reported to the program, even without a provider of spans. A normal end is
// not.
func TestHandlerErrors(t *testing.T) {
	for _, test := range []struct {
		name string
		fn   func(ctx context.Context, c *wsconn.Conn) error
		end  func(ctx context.Context, c *websocket.Conn)
		want string // in the log
	}{
		{"an error", func(context.Context, *wsconn.Conn) error { return errors.New("out of luck") }, nil, `handler=name remote=127.0.0.1`},
		{"no error", func(context.Context, *wsconn.Conn) error { return nil }, nil, ""},
		{"a normal close", func(ctx context.Context, c *wsconn.Conn) error {
			_, _, err := c.Read(ctx)
			return err
		}, func(_ context.Context, c *websocket.Conn) { _ = c.Close(websocket.StatusNormalClosure, "") }, ""},
		{"another close", func(ctx context.Context, c *wsconn.Conn) error {
			_, _, err := c.Read(ctx)
			return err
		}, func(_ context.Context, c *websocket.Conn) { _ = c.Close(websocket.StatusPolicyViolation, "") }, "StatusPolicyViolation"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var log bytes.Buffer
			var failed []error
			var done sync.WaitGroup
			done.Add(1)
			h := wsconn.Handler("name", test.fn,
				wsconn.WithTracerProvider(noop.NewTracerProvider()),
				wsconn.WithLogger(slog.New(slog.NewTextHandler(&log, nil))),
				wsconn.WithOnError(func(_ context.Context, r *http.Request, err error) {
					if r == nil {
						t.Error("no request")
					}
					failed = append(failed, err)
				}))
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				defer done.Done()
				h.ServeHTTP(w, r)
			}))
			defer srv.Close()
			c, _, err := websocket.Dial(t.Context(), srv.URL, nil)
			if err != nil {
				t.Fatal(err)
			}
			if test.end != nil {
				test.end(t.Context(), c)
			} else {
				_, _, _ = c.Read(t.Context())
			}
			_ = c.CloseNow()
			done.Wait()
			if got := len(failed); got != min(1, len(test.want)) {
				t.Errorf("got errors %v", failed)
			}
			if got := log.String(); !strings.Contains(got, test.want) || (got == "") != (test.want == "") {
				t.Errorf("got log %q, want %q in it", got, test.want)
			}
		})
	}
}

// A refused handshake is a failure, too. The log record has the ids of its span.
func TestHandlerRefuses(t *testing.T) {
	rec := tracetest.NewRecorder(t)
	var log bytes.Buffer
	logger := slog.New(trace.NewSlogHandler(slog.NewTextHandler(&log, nil)))
	h := wsconn.Handler("name", func(context.Context, *wsconn.Conn) error { return nil },
		wsconn.WithTracerProvider(rec.TracerProvider()), wsconn.WithLogger(logger))
	ctx, span := rec.TracerProvider().Tracer("test").Start(t.Context(), "request")
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil).WithContext(ctx))
	span.End()
	want := "span_id=" + oteltrace.SpanContextFromContext(ctx).SpanID().String()
	if got := log.String(); !strings.Contains(got, want) {
		t.Errorf("got log %q, want %q in it", got, want)
	}
}
