package gobwasws_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/tracetest"
	"github.com/wakechain/wakechain/wsconn"
	"github.com/wakechain/wakechain/wsconn/gobwasws"
)

// An unsampled server reports a write that was blocked until its client read. The
// client receives exactly what was written.
func TestStallOfAWrite(t *testing.T) {
	rec := tracetest.NewRecorder(t)
	opts := []gobwasws.Option{
		provider(sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample()))),
		wsconn.WithStalls(wsconn.Stalls{After: 300 * time.Millisecond, PerSecond: 1 << 20, TracerProvider: rec.TracerProvider()}),
	}
	message := func(i int) []byte { return bytes.Repeat(fmt.Appendf(nil, "%08d", i), 4<<10) }
	told, read, over := make(chan struct{}), make(chan struct{}), make(chan struct{})
	srv := httptest.NewUnstartedServer(gobwasws.Handler("serve", func(_ context.Context, c *gobwasws.Conn) error {
		defer close(over)
		for i := 0; ; i++ {
			if err := c.WriteMessage(ws.OpBinary, message(i)); err != nil {
				t.Error(err)
				return err
			}
			select {
			case <-told:
				err := c.WriteMessage(ws.OpText, []byte("bye"))
				<-read
				return err
			default:
			}
		}
	}, opts...))
	srv.Listener = wsconn.NewListener(srv.Listener)
	srv.Start()
	defer srv.Close()
	c, _, err := gobwasws.Dial(t.Context(), ws.Dialer{}, "ws"+strings.TrimPrefix(srv.URL, "http"), opts...)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := rec.WaitN(t.Context(), tracetest.Name(semconv.SpanStalled), 1); err != nil {
		t.Fatal(err)
	}
	close(told)
	for i := 0; ; i++ {
		p, op, err := c.ReadMessage()
		if err != nil {
			t.Fatal(err)
		}
		if op == ws.OpText {
			break
		}
		if !bytes.Equal(p, message(i)) {
			t.Fatalf("message %d of %d bytes is not what was written", i, len(p))
		}
	}
	if err := rec.WaitN(t.Context(), tracetest.Name(semconv.SpanHistory), 1); err != nil {
		t.Fatal(err)
	}
	chain := rec.Chain()
	close(read)
	<-over
	var names []string
	for _, root := range chain.Roots {
		for _, s := range root.Walk() {
			if !root.Is(semconv.SpanHandshake) { // which may take as long as a stall on a busy machine
				names = append(names, s.Name)
			}
		}
	}
	slices.Sort(names)
	if got, want := strings.Join(names, ","), "block peer_window,history,stalled,wake peer_read,write"; got != want {
		t.Fatalf("got %s, want %s", got, want)
	}
	write := tracetest.One(t, chain, semconv.SpanWrite)
	if got, want := write.Int(semconv.WebSocketMessageSizeKey), int64(len(message(0))); got != want {
		t.Errorf("got a message of %d bytes, want %d", got, want)
	}
	if got := write.Str(semconv.StallCauseKey); got != string(semconv.CausePeerWindow) {
		t.Errorf("got cause %q, want peer_window", got)
	}
	if got, want := len(write.Children), 4; got != want {
		t.Errorf("got %d children of the write, want %d", got, want)
	}
}
