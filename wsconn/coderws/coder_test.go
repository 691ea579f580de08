package coderws_test

import (
	"context"
	"net/http/httptest"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/wakechain/wakechain/wsconn/coderws"
)

// The library calls the program's hooks as it does bare, on both sides; a ping
// hook that returns false keeps the pong back.
func TestHooks(t *testing.T) {
	const answered, ignored = "answered", "ignored"
	pinged, ponged := make(chan string, 8), make(chan string, 8)
	onPing := func(side string) func(context.Context, []byte) bool {
		return func(_ context.Context, p []byte) bool {
			pinged <- side
			return side == answered
		}
	}
	onPong := func(_ context.Context, _ []byte) { ponged <- "pong" }
	for _, side := range []string{answered, ignored} {
		srv := httptest.NewServer(coderws.Handler("hooks", func(ctx context.Context, c *coderws.Conn) error {
			<-c.CloseRead(ctx).Done()
			return nil
		}, coderws.WithTracerProvider(sdktrace.NewTracerProvider()), coderws.WithAcceptOptions(&coderws.AcceptOptions{OnPingReceived: onPing(side)})))
		c, _, err := coderws.Dial(t.Context(), srv.URL, &coderws.DialOptions{OnPongReceived: onPong},
			coderws.WithTracerProvider(sdktrace.NewTracerProvider()))
		if err != nil {
			t.Fatal(err)
		}
		c.CloseRead(t.Context())
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			if got := <-pinged; got != side {
				t.Errorf("the ping hook of %s was called, want that of %s", got, side)
			}
			if side == ignored {
				cancel()
			}
		}()
		if err := c.Ping(ctx); (err == nil) != (side == answered) {
			t.Errorf("%s: Ping: got %v", side, err)
		}
		cancel()
		_ = c.CloseNow()
		srv.Close()
	}
	if n := len(ponged); n != 1 {
		t.Errorf("the pong hook was called %d times, want 1", n)
	}
}
