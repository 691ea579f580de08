package gobwasws_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
	"go.uber.org/goleak"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace/tracetest"
	"github.com/wakechain/wakechain/wsconn"
	"github.com/wakechain/wakechain/wsconn/gobwasws"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func provider(p oteltrace.TracerProvider) gobwasws.Option { return wsconn.WithTracerProvider(p) }

// Both ends record a connection's life like those of other libraries, with links from
// the reads to the writes of the other end. It also works without a provider.
func TestConn(t *testing.T) {
	for _, recorded := range []bool{true, false} {
		rec := tracetest.NewRecorder(t)
		option := func(service string) []gobwasws.Option {
			if !recorded {
				return nil
			}
			return []gobwasws.Option{provider(rec.Service(service))}
		}
		var handlers sync.WaitGroup
		echo := gobwasws.Handler("echo", func(_ context.Context, c *gobwasws.Conn) error {
			for {
				p, op, err := c.ReadMessage()
				if err != nil {
					return err
				}
				if err := c.WriteMessage(op, p); err != nil {
					return err
				}
			}
		}, option("server")...)
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			handlers.Add(1)
			defer handlers.Done()
			echo.ServeHTTP(w, r)
		}))
		defer srv.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		c, _, err := gobwasws.Dial(ctx, ws.Dialer{}, "ws"+strings.TrimPrefix(srv.URL, "http"), option("client")...)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := c.WriteMessage(ws.OpText, []byte("hello")); err != nil {
				t.Fatal(err)
			}
			if p, op, err := c.ReadMessage(); string(p) != "hello" || op != ws.OpText || err != nil {
				t.Fatalf("got %q, %v, %v", p, op, err)
			}
		}
		if err := c.WriteControl(ws.OpPing, []byte("p")); err != nil {
			t.Error(err)
		}
		if err := c.WriteControl(ws.OpClose, ws.NewCloseFrameBody(ws.StatusNormalClosure, "")); err != nil {
			t.Error(err)
		}
		if _, _, err := c.ReadMessage(); err == nil {
			t.Error("got a message, want the close frame")
		} else if e, ok := err.(wsutil.ClosedError); !ok || e.Code != ws.StatusNormalClosure {
			t.Errorf("got %v, want the close frame", err)
		}
		_ = c.Close()
		handlers.Wait()
		if recorded { // the span of a pong begins after it was sent
			if err := rec.Wait(ctx, tracetest.Line("pong [server]")); err != nil {
				t.Fatal(err)
			}
		}
		if err := rec.WaitEnded(ctx); err != nil {
			t.Fatal(err)
		}
		if !recorded {
			if n := rec.Chain().Len(); n > 0 {
				t.Errorf("got %d spans, want none", n)
			}
			continue
		}
		chain := rec.Chain()
		for line, want := range map[string]int{
			"read [server] {websocket.message.size=5, websocket.wire.size=11}": 2, "write [server] {websocket.message.size=5, websocket.wire.size=7}": 2,
			"read [client] {websocket.message.size=5, websocket.wire.size=7}": 2, "write [client] {websocket.message.size=5, websocket.wire.size=11}": 2,
			"ping [client]": 1, "pong [server]": 1, "close [server] {websocket.close.code=1000}": 1, "close [client] {websocket.close.code=1000}": 1,
		} {
			m, n := tracetest.Line(line), 0
			for _, s := range chain.Spans {
				if !m.Match(s) {
					continue
				}
				n++
				if s.Name == "read" && (len(s.Links) == 0 || s.Links[0].Span == nil || s.Links[0].Span.Service == s.Service) {
					t.Errorf("a read of %s does not link to the other's write", s.Service)
				}
			}
			if n != want {
				t.Errorf("got %d of %s, want %d", n, line, want)
			}
		}
	}
}

// A refused handshake names the check.
func TestRefused(t *testing.T) {
	rec := tracetest.NewRecorder(t)
	srv := httptest.NewServer(gobwasws.Handler("echo", func(context.Context, *gobwasws.Conn) error { return nil }, provider(rec.TracerProvider())))
	defer srv.Close()
	resp, err := http.Get(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	if err := rec.WaitEnded(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := rec.Chain().String(); !strings.Contains(got, "refused: connection") {
		t.Errorf("got %s, want the check connection", got)
	}
}

// A message that the server sends together with its response is the first one that is
// read, recorded or not.
func TestMessageBehindResponse(t *testing.T) {
	for _, recorded := range []bool{true, false} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		served := make(chan error, 1)
		go func() {
			served <- func() error {
				nc, err := l.Accept()
				if err != nil {
					return err
				}
				defer nc.Close()
				var both bytes.Buffer
				if _, err := (ws.Upgrader{}).Upgrade(struct {
					io.Reader
					io.Writer
				}{nc, &both}); err != nil {
					return err
				}
				if err := wsutil.WriteServerText(&both, []byte("welcome")); err != nil {
					return err
				}
				if _, err := nc.Write(both.Bytes()); err != nil {
					return err
				}
				p, err := wsutil.ReadClientText(nc)
				if err == nil && string(p) != "thanks" {
					err = fmt.Errorf("got %q, want thanks", p)
				}
				return err
			}()
		}()
		var options []gobwasws.Option
		if recorded {
			options = append(options, provider(tracetest.NewRecorder(t).TracerProvider()))
		}
		c, _, err := gobwasws.Dial(t.Context(), ws.Dialer{}, "ws://"+l.Addr().String(), options...)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.NetConn().SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Error(err)
		}
		if p, _, err := c.ReadMessage(); string(p) != "welcome" || err != nil {
			_ = c.Close()
			t.Fatalf("recorded %t: got %q, %v, want welcome", recorded, p, err)
		}
		if err := c.WriteMessage(ws.OpText, []byte("thanks")); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Errorf("recorded %t: the server: %v", recorded, err)
		}
		_ = c.Close()
		_ = l.Close()
	}
}
