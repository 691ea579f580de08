package session_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/tracetest"
	"github.com/wakechain/wakechain/wsconn"
)

// A server's handshake says which route it took, and a segment whose connection goes on.
func TestNames(t *testing.T) {
	for _, test := range []struct {
		pattern string // "": no mux
		want    string
		route   string
	}{
		{"", "handshake echo", ""},
		{"/rooms/{id}", "handshake /rooms/{id}", "/rooms/{id}"},
		{"GET /rooms/{id}", "handshake GET /rooms/{id}", "/rooms/{id}"},
		{"server/rooms/", "handshake server/rooms/", "/rooms/"},
	} {
		t.Run(test.want, func(t *testing.T) {
			bubble(t, func(t *testing.T, lib library) {
				client, server := newRecorder(t), newRecorder(t)
				h := lib.handler("echo", func(ctx context.Context, c conn) error {
					typ, msg, err := c.Read(ctx)
					if err != nil {
						return err
					}
					return c.Write(ctx, typ, msg)
				}, server.option(), wsconn.WithTraceBudget(1, 0), wsconn.WithMessageSpans(wsconn.MessagesAll))
				if test.pattern != "" {
					mux := http.NewServeMux()
					mux.Handle(test.pattern, h)
					h = mux
				}
				s := setup{}
				url := dialable(t, &s, h) + "/rooms/7"
				err := trace.Handle(client.context(t.Context()), "guest", func(ctx context.Context) error {
					c, _, err := lib.traced.dial(ctx, url, s.options, wsconn.WithTraceBudget(1, 0), wsconn.WithMessageSpans(wsconn.MessagesAll))
					if err != nil {
						return err
					}
					defer func() { _ = c.CloseNow() }()
					if err := c.Write(ctx, messageText, []byte("hi")); err != nil {
						return err
					}
					if _, _, err := c.Read(ctx); err != nil {
						return err
					}
					_, _, err = c.Read(ctx)
					return err
				})
				if err == nil {
					t.Fatal("got no end of the connection")
				}
				if err := server.WaitEnded(t.Context()); err != nil {
					t.Fatal(err)
				}
				handshake := tracetest.One(t, server.Chain(), semconv.SpanHandshake)
				if handshake.Name != test.want {
					t.Errorf("server: got %q, want %q", handshake.Name, test.want)
				}
				if got := handshake.Str(semconv.HTTPRouteKey); got != test.route {
					t.Errorf("server: got http.route %q, want %q", got, test.route)
				}
				if got, want := tracetest.One(t, client.Chain(), semconv.SpanHandshake).Name, semconv.SpanHandshake; got != want {
					t.Errorf("client: got %q, want %q", got, want)
				}
				for r, want := range map[*recorder]string{client: "segment guest", server: "segment echo"} {
					segments := r.Chain().Named(semconv.SpanSegment)
					if len(segments) == 0 {
						t.Error("got no segment")
					}
					for _, s := range segments {
						if s.Name != want {
							t.Errorf("got %q, want %q", s.Name, want)
						}
					}
				}
			})
		})
	}
}
