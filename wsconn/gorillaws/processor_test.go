package gorillaws_test

import (
	"context"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace/lean"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/wsconn/gorillaws"
)

// meddling is a span processor that does something when a span of a name starts or
// ends, once.
type meddling struct {
	name  string
	start bool
	do    func()

	called atomic.Bool
}

func (m *meddling) OnStart(_ context.Context, s sdktrace.ReadWriteSpan) { m.see(s.Name(), true) }
func (m *meddling) OnEnd(s sdktrace.ReadOnlySpan)                       { m.see(s.Name(), false) }
func (*meddling) Shutdown(context.Context) error                        { return nil }
func (*meddling) ForceFlush(context.Context) error                      { return nil }

func (m *meddling) see(name string, start bool) {
	if start == m.start && strings.HasPrefix(name+" ", m.name+" ") && !m.called.Swap(true) {
		m.do()
	}
}

func (m *meddling) provider(leanly bool) oteltrace.TracerProvider {
	if leanly {
		return lean.NewTracerProvider(lean.WithSpanProcessor(m))
	}
	return sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(m))
}

// A span processor may close the connection in any call, with a close message or
// without: no lock of the library is held then.
func TestProcessorCloses(t *testing.T) {
	for _, name := range []string{
		semconv.BlockName(semconv.ReasonNetRead, ""), semconv.SpanRead, semconv.SpanPong,
		semconv.SpanBlock, semconv.SpanWake, semconv.SpanWrite, semconv.SpanClose,
	} {
		for i := range 8 {
			closedBy(t, &meddling{name: name, start: i&1 > 0}, i&2 > 0, i&4 > 0)
		}
	}
}

// closedBy lets m see the server's spans and close the server's connection.
func closedBy(t *testing.T, m *meddling, leanly, message bool) {
	t.Helper()
	rec := newRecorder(t) // records nothing: it only waits for the handlers
	var c atomic.Pointer[gorillaws.Conn]
	m.do = func() {
		c := c.Load()
		if message {
			_ = c.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(1000, ""), time.Now().Add(time.Minute))
		}
		_ = c.Close()
	}
	msg := make([]byte, 1<<20)
	url := rec.listen(gorillaws.Handler("serve", func(_ context.Context, conn *gorillaws.Conn) error {
		c.Store(conn)
		_ = conn.NetConn().(*net.TCPConn).SetWriteBuffer(4 << 10)
		for m.name != semconv.SpanClose {
			if _, _, err := conn.ReadMessage(); err != nil {
				return err
			}
			if err := conn.WriteMessage(websocket.BinaryMessage, msg); err != nil {
				return err
			}
		}
		return nil
	}, gorillaws.WithTracerProvider(m.provider(leanly))))
	client := bareClient(t, url)
	_ = client.SetReadDeadline(time.Now().Add(30 * time.Second))
	for err := error(nil); err == nil; {
		_ = client.WriteControl(websocket.PingMessage, nil, time.Now().Add(time.Minute))
		_ = client.WriteMessage(websocket.TextMessage, []byte("hello"))
		if _, _, err = client.ReadMessage(); err != nil && strings.Contains(err.Error(), "timeout") {
			t.Errorf("%s: %v", m.name, err)
		}
	}
	rec.ended()
	if !m.called.Load() {
		t.Errorf("no span %q", m.name)
	}
}
