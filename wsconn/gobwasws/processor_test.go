package gobwasws_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/wsconn"
	"github.com/wakechain/wakechain/wsconn/gobwasws"
)

// closing is a span processor that closes a connection when a span of a name starts or
// ends.
type closing struct {
	name  string
	start bool
	conn  atomic.Pointer[gobwasws.Conn]
	done  atomic.Bool
}

func (c *closing) OnStart(_ context.Context, s sdktrace.ReadWriteSpan) { c.see(s.Name(), true) }
func (c *closing) OnEnd(s sdktrace.ReadOnlySpan)                       { c.see(s.Name(), false) }
func (*closing) Shutdown(context.Context) error                        { return nil }
func (*closing) ForceFlush(context.Context) error                      { return nil }

func (c *closing) see(name string, start bool) {
	if start == c.start && strings.HasPrefix(name+" ", c.name+" ") && !c.done.Swap(true) {
		_ = c.conn.Load().Close()
	}
}

// serve serves fn to one client of the bare library, and returns a function that waits
// until fn has returned.
func serve(t *testing.T, fn func(*gobwasws.Conn) error, opts ...gobwasws.Option) (client *bare, wait func()) {
	t.Helper()
	var handlers sync.WaitGroup
	h := gobwasws.Handler("serve", func(_ context.Context, c *gobwasws.Conn) error { return fn(c) }, opts...)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handlers.Add(1)
		defer handlers.Done()
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	c, br, _, err := ws.Dial(t.Context(), "ws"+strings.TrimPrefix(srv.URL, "http"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	client = &bare{c, c}
	if br != nil {
		client.Reader = br
	}
	return client, handlers.Wait
}

// bare is a connection of the library, with the bytes that followed the handshake.
type bare struct {
	net.Conn
	io.Reader
}

func (b *bare) Read(p []byte) (int, error) { return b.Reader.Read(p) }

// A span processor may close the connection in any call.
func TestProcessorCloses(t *testing.T) {
	for _, name := range []string{semconv.SpanBlock, semconv.SpanWake, semconv.SpanRead, semconv.SpanWrite, semconv.SpanPong, semconv.SpanClose} {
		for _, start := range []bool{false, true} {
			p := &closing{name: name, start: start}
			client, wait := serve(t, func(c *gobwasws.Conn) error {
				p.conn.Store(c)
				for name != semconv.SpanClose {
					msg, op, err := c.ReadMessage()
					if err != nil {
						return err
					}
					if err := c.WriteMessage(op, msg); err != nil {
						return err
					}
				}
				return nil
			}, provider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(p))), wsconn.WithMessageSpans(wsconn.MessagesAll))
			for err := error(nil); err == nil; {
				_ = wsutil.WriteClientMessage(client, ws.OpPing, nil)
				_ = wsutil.WriteClientText(client, []byte("hello"))
				if _, err = wsutil.ReadServerText(client); err != nil && strings.Contains(err.Error(), "timeout") {
					t.Errorf("%s: %v", name, err)
				}
			}
			_ = client.Close()
			wait()
			if !p.done.Load() {
				t.Errorf("no span %q", name)
			}
		}
	}
}

// The library answers pings while the program writes, without a lock.
func TestAnswersBesideWrites(t *testing.T) {
	client, wait := serve(t, func(c *gobwasws.Conn) error {
		var writer sync.WaitGroup
		defer writer.Wait()
		writer.Go(func() {
			for c.WriteMessage(ws.OpText, []byte("hello")) == nil {
			}
		})
		_, _, err := c.ReadMessage()
		_ = c.Close()
		return err
	}, provider(sdktrace.NewTracerProvider()))
	var reader sync.WaitGroup
	reader.Go(func() { // a frame is malformed if an answer was written inside it
		for buf := make([]byte, 4<<10); ; {
			if _, err := client.Read(buf); err != nil {
				return
			}
		}
	})
	for range 500 {
		if err := wsutil.WriteClientMessage(client, ws.OpPing, []byte("?")); err != nil {
			t.Fatal(err)
		}
	}
	if err := wsutil.WriteClientText(client, []byte("enough")); err != nil {
		t.Fatal(err)
	}
	wait()
	reader.Wait()
}
