// Package interop_test holds wsconn against the instrumentation that it meets in
// programs, and that the library's own module does not depend on.
package interop_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/propagation"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/tracetest"
	"github.com/wakechain/wakechain/wsconn"
)

// notWebSocket is the filter that wsconn's documentation shows.
func notWebSocket(r *http.Request) bool {
	return !strings.EqualFold(r.Header.Get("Upgrade"), "websocket")
}

// Around the handler and around the client's transport, otelhttp's spans stand
// between the handshakes, and with the filter they do not stand there at all.
func TestOtelhttp(t *testing.T) {
	for _, tt := range []struct {
		name    string
		options []otelhttp.Option
		want    []string // the ancestors of the server's handshake, from below
		source  string   // how the client's blocks are seen
	}{
		{"without a filter", nil, []string{"GET", "HTTP GET", "handshake", "hello"}, "timed"},
		{"with a filter", []otelhttp.Option{otelhttp.WithFilter(notWebSocket)}, []string{"handshake", "hello"}, "timed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rec := tracetest.NewRecorder(t)
			tp := rec.TracerProvider()
			options := append([]otelhttp.Option{
				otelhttp.WithTracerProvider(tp), otelhttp.WithPropagators(propagation.TraceContext{}),
			}, tt.options...)
			handler := otelhttp.NewHandler(wsconn.Handler("echo", echo, wsconn.WithTracerProvider(tp)), "server", options...)
			ended := make(chan struct{})
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				defer close(ended) // with all spans
				handler.ServeHTTP(w, r)
			}))
			client := &http.Client{Transport: otelhttp.NewTransport(http.DefaultTransport.(*http.Transport).Clone(), options...)}

			ctx := trace.New(trace.WithTracerProvider(tp)).NewContext(t.Context())
			err := trace.Handle(ctx, "hello", func(ctx context.Context) error {
				c, _, err := wsconn.Dial(ctx, srv.URL, &wsconn.DialOptions{HTTPClient: client})
				if err != nil {
					return err
				}
				defer c.CloseNow()
				for range 100 { // at least one waits for its answer
					if err := c.Write(ctx, wsconn.MessageText, []byte("hello")); err != nil {
						return err
					}
					if _, _, err := c.Read(ctx); err != nil {
						return err
					}
				}
				return c.Close(wsconn.StatusNormalClosure, "")
			})
			if err != nil {
				t.Fatal(err)
			}
			<-ended
			srv.Close()

			c := rec.Chain()
			echo := c.Named("echo")
			if len(echo) != 1 {
				t.Fatalf("got %d goroutines of the server, want 1:\n%s", len(echo), c)
			}
			var got []string
			for a := range echo[0].Parent.Ancestors() {
				got = append(got, a.Name)
			}
			if strings.Join(got, "\n") != strings.Join(tt.want, "\n") {
				t.Errorf("the server's handshake stands below %q, want %q:\n%s", got, tt.want, c)
			}
			blocks := c.Find(func(s *chain.Span) bool { return s.Is(semconv.SpanBlock) && s.Goroutine().Name == "hello" })
			if len(blocks) == 0 {
				t.Errorf("no block of the client:\n%s", c)
			}
			for _, b := range blocks {
				if b.Str(semconv.BlockSourceKey) != tt.source {
					t.Errorf("block.source = %q, want %q, below another http.RoundTripper", b.Str(semconv.BlockSourceKey), tt.source)
				}
			}
		})
	}
}

func echo(ctx context.Context, c *wsconn.Conn) error {
	for {
		typ, p, err := c.Read(ctx)
		if err != nil {
			return err
		}
		if err := c.Write(ctx, typ, p); err != nil {
			return err
		}
	}
}
