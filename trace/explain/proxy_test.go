//go:build linux

package explain_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/explain"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/wsconn"
)

// proxy passes bytes between two TCP connections, until a test stops it.
type proxy struct {
	address string
	mu      sync.Mutex // held by whoever stops the proxy
	passed  int        // bytes
}

// newProxy makes a proxy whose buffers are small.
func newProxy(t *testing.T, to string) *proxy {
	t.Helper()
	lc := net.ListenConfig{Control: loopback.buffers.control}
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{address: l.Addr().String()}
	var all sync.WaitGroup
	t.Cleanup(all.Wait)
	t.Cleanup(func() { _ = l.Close() })
	all.Go(func() {
		near, err := l.Accept()
		if err != nil {
			return
		}
		defer near.Close()
		d := net.Dialer{Control: loopback.buffers.control}
		far, err := d.DialContext(context.WithoutCancel(t.Context()), "tcp", to)
		if err != nil {
			t.Error(err)
			return
		}
		defer far.Close()
		all.Go(func() { p.pass(far, near) })
		p.pass(near, far)
	})
	return p
}

// pass copies bytes until one of the two is closed, and then closes both.
func (p *proxy) pass(to, from net.Conn) {
	buf := make([]byte, 4<<10)
	for {
		n, err := from.Read(buf)
		p.mu.Lock() // held briefly, unless the proxy is stopped
		p.passed += n
		p.mu.Unlock()
		if n > 0 {
			if _, werr := to.Write(buf[:n]); werr != nil {
				err = werr
			}
		}
		if err != nil {
			_, _ = to.Close(), from.Close()
			return
		}
	}
}

// A proxy stops for a while, while the client reads all that arrives. The server's kernel
// knows nothing of the client, so that the answer does not blame it.
func TestScenarioProxyStops(t *testing.T) {
	t.Parallel()
	var p *proxy
	st := newStage(t, loopback, func(address string) string {
		p = newProxy(t, address)
		return p.address
	})
	p.mu.Lock()
	sender := st.send(t.Context(), "sen_data", st.server)
	reader := trace.Go(st.client.Context(t.Context()), "hello", func(ctx context.Context) error {
		for {
			if _, _, err := st.client.Read(ctx); err != nil {
				return err
			}
		}
	})
	st.park()
	p.mu.Unlock()
	for before := st.written.Load(); st.written.Load() < before+50; <-time.After(time.Millisecond) {
	}
	_ = st.client.CloseNow()
	c := st.ended(sender, reader)
	f := stalledMost(t, c)
	text := f.Headline + " | " + f.Text
	if strings.Contains(text, "socket_get was not reading") || strings.Contains(text, "socket_get's receive window") ||
		strings.Contains(text, "socket_get read again") || strings.Contains(text, "its reader") {
		t.Errorf("got %s\nwant nobody blamed that read all the time\n%s", text, c)
	}
	server := c.Find(func(s *chain.Span) bool { return s.Is(semconv.SpanHandshake) && s.Service == "socket_start" })[0]
	at := net.JoinHostPort(server.Str(semconv.NetworkPeerAddressKey), server.Str(semconv.NetworkPeerPortKey))
	if got, want := f.Advice, "Look at what is at "+at+": it stands between the two"; !strings.HasPrefix(got, want) {
		t.Errorf("got the advice %q, want it to begin with %q", got, want)
	}
	for _, want := range []string{
		at + " (not socket_g", // the text is cut here
		" was not reading",
		"whoever is at the other end of this connection (" + at + ", not socket_get itself: something stands between)",
		"socket_get's hello was waiting for bytes for ",
		"the other end read again",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("got %s\nwant it to say %q\n%s", text, want, c)
		}
	}
}

// stalledMost returns the first finding about a stalled sender.
func stalledMost(t *testing.T, c *chain.Chain) explain.Finding {
	t.Helper()
	for _, f := range explain.Explain(c) {
		if f.Rule == explain.SenderStalled {
			t.Log(f)
			return f
		}
	}
	t.Fatalf("got no stalled sender:\n%s", c)
	return explain.Finding{}
}

// The answer says what the reader did meanwhile, if both ends are those of one connection.
func TestScenarioReaderSleeps(t *testing.T) {
	t.Parallel()
	st := newStage(t, loopback, nil)
	hello := trace.Go(st.client.Context(t.Context()), "hello", func(ctx context.Context) error {
		if _, _, err := st.client.Read(ctx); err != nil {
			return err
		}
		if err := trace.Sleep(ctx, 6*hold); err != nil {
			return err
		}
		return st.client.CloseNow()
	})
	sender := st.send(t.Context(), "sen_data", st.server)
	f := stalledMost(t, st.ended(hello, sender))
	if got, want := f.Headline, ": socket_get was in sleep, not reading"; !strings.HasSuffix(got, want) {
		t.Errorf("got %q, want it to end with %q", got, want)
	}
	if got, want := f.Text, " Its reader hello was in sleep for "; !strings.Contains(got, want) {
		t.Errorf("got %q, want it to say %q", got, want)
	}
}

// A handler whose read fails sends a close frame with 1011. The connection is reported as
// lost all the same, and once.
func TestScenarioHandlerAnswersItsEnd(t *testing.T) {
	t.Parallel()
	st := newStage(t, loopback, nil)
	echo := trace.Go(st.server.Context(t.Context()), "echo", func(ctx context.Context) error {
		_, _, err := st.server.Read(ctx)
		_ = st.server.Close(wsconn.StatusInternalError, "")
		return err
	})
	if err := st.clientTCP.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if err := echo.Wait(t.Context()); !errors.Is(err, io.EOF) {
		t.Errorf("got %v, want %v", err, io.EOF)
	}
	found := explain.Explain(st.ended())
	if len(found) != 1 || found[0].Rule != explain.ConnectionLost || !strings.Contains(found[0].Text, "and only then closed with 1011") {
		t.Errorf("got %v, want the lost connection, once", found)
	}
}

// Clients of a healthy service end with 1000, 1001, no code, or the end of their own
// context. Nothing is reported.
func TestScenarioHealthy(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*wsconn.Conn) error{
		"1000": func(c *wsconn.Conn) error { return c.Close(wsconn.StatusNormalClosure, "bye") },
		"1001": func(c *wsconn.Conn) error { return c.Close(wsconn.StatusGoingAway, "") },
		"1005": func(c *wsconn.Conn) error { return c.Close(wsconn.StatusNoStatusRcvd, "") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			st := newStage(t, loopback, nil)
			echo := trace.Go(st.server.Context(t.Context()), "echo", func(ctx context.Context) error {
				for {
					typ, msg, err := st.server.Read(ctx)
					if err != nil {
						if wsconn.CloseStatus(err) >= wsconn.StatusNormalClosure {
							return nil
						}
						return err
					}
					if err := st.server.Write(ctx, typ, msg); err != nil {
						return err
					}
				}
			})
			ctx := st.client.Context(t.Context())
			if err := st.client.Write(ctx, wsconn.MessageText, []byte("hello")); err != nil {
				t.Error(err)
			}
			if _, _, err := st.client.Read(ctx); err != nil {
				t.Error(err)
			}
			if err := end(st.client); err != nil {
				t.Error(err)
			}
			if found := explain.Explain(st.ended(echo)); len(found) > 0 {
				t.Errorf("got %v, want nothing", found)
			}
		})
	}
}

// Each of several clients works until its own context ends, and then closes. Nothing is
// reported, of the service or of them.
func TestScenarioOwnContexts(t *testing.T) {
	t.Parallel()
	const clients = 3
	st := &stage{t: t, spans: tracetest.NewInMemoryExporter()}
	feed := wsconn.Handler("feed", func(ctx context.Context, c *wsconn.Conn) error {
		ctx = c.CloseRead(ctx)
		for {
			if err := c.Write(ctx, wsconn.MessageText, []byte("tick")); err != nil {
				return err
			}
			if err := trace.Sleep(ctx, time.Millisecond); err != nil {
				return err
			}
		}
	}, wsconn.WithTracerProvider(st.provider("feed")))
	var fed sync.WaitGroup
	fed.Add(clients)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer fed.Done()
		feed.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	base := trace.New(trace.WithTracerProvider(st.provider("reader"))).NewContext(t.Context())
	for i := range clients {
		own, cancel := context.WithCancel(base)
		if i == 0 {
			cancel()
			own, cancel = context.WithTimeout(base, hold/3)
		}
		task := trace.Go(own, "read", func(ctx context.Context) error {
			whole := context.WithoutCancel(ctx) // since a canceled call closes the connection
			c, _, err := wsconn.Dial(whole, srv.URL, nil)
			if err != nil {
				return err
			}
			defer c.CloseNow()
			for n := 0; n < 3 || i == 0 && ctx.Err() == nil; n++ {
				if _, _, err := c.Read(whole); err != nil {
					return err
				}
			}
			if i > 0 {
				cancel()
			}
			if err := c.Close(wsconn.StatusNormalClosure, ""); err != nil {
				return err
			}
			if i > 0 {
				return ctx.Err()
			}
			return nil // the time was up, as intended
		})
		if err := task.Wait(t.Context()); err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		cancel()
	}
	fed.Wait()
	c := chain.New(chain.FromSpans(st.spans.GetSpans().Snapshots()))
	for _, f := range explain.Explain(c) {
		if f.Rule != explain.HandshakeSlow { // the machine may be busy
			t.Errorf("got %v, want nothing\n%s", f, c)
		}
	}
}
