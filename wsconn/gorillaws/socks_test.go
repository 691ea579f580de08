package gorillaws_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/tracetest"
	"github.com/wakechain/wakechain/wsconn"
	"github.com/wakechain/wakechain/wsconn/coderws"
	"github.com/wakechain/wakechain/wsconn/gorillaws"
)

// socks is a SOCKS5 proxy (RFC 1928) that may ask for a password (RFC 1929).
type socks struct {
	t    *testing.T
	l    net.Listener
	user string // and the password; "" asks for none
	wg   sync.WaitGroup
	mu   sync.Mutex
	open []net.Conn
	n    int // connections that it made
}

func newSocks(t *testing.T, user string) *socks {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &socks{t: t, l: l, user: user}
	s.wg.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			s.wg.Go(func() { s.serve(nc) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		s.mu.Lock()
		for _, nc := range s.open {
			_ = nc.Close()
		}
		s.mu.Unlock()
		s.wg.Wait()
	})
	return s
}

func (s *socks) url() *url.URL {
	u := &url.URL{Scheme: "socks5", Host: s.l.Addr().String()}
	if s.user != "" {
		u.User = url.UserPassword(s.user, "password")
	}
	return u
}

func (s *socks) serve(in net.Conn) {
	s.keep(in)
	defer in.Close()
	out, err := s.connect(in)
	if err != nil {
		s.t.Error(err)
		return
	}
	s.keep(out)
	defer out.Close()
	s.wg.Go(func() {
		_, _ = io.Copy(out, in)
		_ = out.(*net.TCPConn).CloseWrite()
	})
	_, _ = io.Copy(in, out)
}

func (s *socks) keep(nc net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open = append(s.open, nc)
}

// connect performs the proxy's side, up to the connection with the server.
func (s *socks) connect(in net.Conn) (net.Conn, error) {
	read := func(n int) []byte {
		b := make([]byte, n)
		if _, err := io.ReadFull(in, b); err != nil {
			clear(b)
		}
		return b
	}
	methods := read(int(read(2)[1]))
	method := byte(0)
	if s.user != "" {
		method = 2
	}
	if !strings.Contains(string(methods), string([]byte{method})) {
		return nil, fmt.Errorf("the client offers %v", methods)
	}
	_, _ = in.Write([]byte{5, method})
	if method == 2 {
		user := string(read(int(read(2)[1])))
		password := string(read(int(read(1)[0])))
		if user != s.user || password != "password" {
			return nil, fmt.Errorf("got %s and %s", user, password)
		}
		_, _ = in.Write([]byte{1, 0})
	}
	var host string
	switch head := read(4); head[3] {
	case 1:
		host = net.IP(read(4)).String()
	case 3:
		host = string(read(int(read(1)[0])))
	default:
		return nil, fmt.Errorf("got a request %v", head)
	}
	out, err := net.Dial("tcp", net.JoinHostPort(host, fmt.Sprint(binary.BigEndian.Uint16(read(2)))))
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.n++
	s.mu.Unlock()
	_, err = in.Write([]byte{5, 0, 0, 1, 127, 0, 0, 1, '\r', '\n'}) // with a port that looks like a line's end
	return out, err
}

// made returns how many connections the proxy made.
func (s *socks) made() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.n
}

// The bytes between the client and a SOCKS proxy are not HTTP. The spans after them are
// complete all the same: the handshake, the messages, and the links between the two ends.
func TestSOCKS(t *testing.T) {
	for _, secure := range []bool{false, true} {
		for _, user := range []string{"", "me"} {
			t.Run(fmt.Sprintf("secure=%v/user=%s", secure, user), func(t *testing.T) {
				rec := newRecorder(t)
				proxy := newSocks(t, user)
				d := gorillaws.Dialer{Proxy: http.ProxyURL(proxy.url())}
				echo := func(c *gorillaws.Conn) error {
					for {
						typ, p, err := c.ReadMessage()
						if err != nil {
							return nil
						}
						if err := c.WriteMessage(typ, p); err != nil {
							return err
						}
					}
				}
				var url string
				if secure {
					url = rec.serveTLS(&d, echo)
				} else {
					url = rec.serve(gorillaws.Upgrader{}, echo)
				}
				c := rec.dial(url, d)
				for range 2 {
					if err := c.WriteMessage(gorillaws.TextMessage, []byte("hello")); err != nil {
						t.Fatal(err)
					}
					if _, p, err := c.ReadMessage(); err != nil || string(p) != "hello" {
						t.Fatalf("got %q, %v", p, err)
					}
				}
				_ = c.Close()
				through(t, rec, proxy)
			})
		}
	}
}

// The same with libraries that dial through net/http, which has a SOCKS client of its own.
func TestSOCKSTransport(t *testing.T) {
	for name, play := range map[string]func(ctx context.Context, rec *recorder, client *http.Client) error{
		"nhooyr": func(ctx context.Context, rec *recorder, client *http.Client) error {
			url := rec.listen(wsconn.Handler("serve", func(ctx context.Context, c *wsconn.Conn) error {
				return echoes(ctx, c.Read, c.Write)
			}, rec.option("server")))
			c, _, err := wsconn.Dial(ctx, url, &wsconn.DialOptions{HTTPClient: client}, rec.option("client"))
			if err != nil {
				return err
			}
			defer func() { _ = c.Close(wsconn.StatusNormalClosure, "") }()
			return ask(ctx, c.Read, c.Write, wsconn.MessageText)
		},
		"coder": func(ctx context.Context, rec *recorder, client *http.Client) error {
			url := rec.listen(coderws.Handler("serve", func(ctx context.Context, c *coderws.Conn) error {
				return echoes(ctx, c.Read, c.Write)
			}, rec.option("server")))
			c, _, err := coderws.Dial(ctx, url, &coderws.DialOptions{HTTPClient: client}, rec.option("client"))
			if err != nil {
				return err
			}
			defer func() { _ = c.Close(coderws.StatusNormalClosure, "") }()
			return ask(ctx, c.Read, c.Write, coderws.MessageText)
		},
	} {
		for _, user := range []string{"", "me"} {
			t.Run(name+"/user="+user, func(t *testing.T) {
				rec := newRecorder(t)
				proxy := newSocks(t, user)
				transport := &http.Transport{Proxy: http.ProxyURL(proxy.url())}
				defer transport.CloseIdleConnections()
				if err := play(t.Context(), rec, &http.Client{Transport: transport}); err != nil {
					t.Fatal(err)
				}
				through(t, rec, proxy)
			})
		}
	}
}

// echoes sends each message back until the connection ends.
func echoes[M any](ctx context.Context, read func(context.Context) (M, []byte, error), write func(context.Context, M, []byte) error) error {
	for {
		typ, p, err := read(ctx)
		if err != nil {
			return nil
		}
		if err := write(ctx, typ, p); err != nil {
			return err
		}
	}
}

// ask sends two messages to an echo.
func ask[M any](ctx context.Context, read func(context.Context) (M, []byte, error), write func(context.Context, M, []byte) error, typ M) error {
	for range 2 {
		if err := write(ctx, typ, []byte("hello")); err != nil {
			return err
		}
		if _, p, err := read(ctx); err != nil || string(p) != "hello" {
			return fmt.Errorf("got %q, %w", p, err)
		}
	}
	return nil
}

// through checks the spans of two messages there and back through the proxy.
func through(t *testing.T, rec *recorder, proxy *socks) {
	t.Helper()
	rec.ended()
	if n := proxy.made(); n != 1 {
		t.Fatalf("the proxy made %d connections, want 1", n)
	}
	for _, service := range []string{"client", "server"} {
		for _, name := range []string{semconv.SpanRead, semconv.SpanWrite} {
			var frames []int64
			linked := 0
			for _, s := range rec.Chain().Named(name) {
				if s.Service == service && s.Int(semconv.WebSocketMessageSizeKey) == 5 {
					frames = append(frames, s.Int(semconv.WebSocketFrameCountKey))
					if len(s.Links) > 0 {
						linked++
					}
				}
			}
			if fmt.Sprint(frames) != "[1 1]" {
				t.Errorf("%s of the %s have frames %v, want one each of two", name, service, frames)
			}
			if name == semconv.SpanRead && linked != 2 {
				t.Errorf("%d reads of the %s link to the peer's write, want 2", linked, service)
			}
		}
	}
	var steps []string
	for _, s := range rec.Chain().Named(semconv.SpanHandshake) {
		if s.Service == "client" {
			for _, step := range s.Children {
				if strings.Contains(step.Name, "http") {
					steps = append(steps, step.Name)
				}
			}
		}
	}
	if got := fmt.Sprint(steps); got != "[write_http_request read_http_response]" {
		t.Errorf("the client's handshake has %s, want one request and its answer", got)
	}
}

// Behind a SOCKS proxy, too, a refused handshake of the client names the check.
func TestSOCKSRefused(t *testing.T) {
	rec := newRecorder(t)
	proxy := newSocks(t, "")
	url := rec.listen(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no\r\n\r\nno", http.StatusForbidden) }))
	d := gorillaws.Dialer{Proxy: http.ProxyURL(proxy.url()), Options: []gorillaws.Option{rec.option("client")}}
	_, resp, err := d.DialContext(t.Context(), url, nil)
	if err == nil || resp.StatusCode != http.StatusForbidden {
		t.Fatalf("got %v, %v", resp, err)
	}
	tracetest.AssertTree(t, rec.Chain(), `
		handshake {status=error, error.type=403, handshake.check=status}
			connect
			write_http_request
			read_http_response
	`, tracetest.TrimPrefix("websocket."), tracetest.Exact(semconv.ErrorTypeKey, semconv.WebSocketHandshakeCheckKey))
}

// serveTLS is serve with TLS, which d trusts.
func (r *recorder) serveTLS(d *gorillaws.Dialer, fn func(*gorillaws.Conn) error) string {
	r.t.Helper()
	u := &gorillaws.Upgrader{Options: []gorillaws.Option{r.option("server")}}
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.handlers.Add(1)
		defer r.handlers.Done()
		c, err := u.Upgrade(w, req, nil)
		if err != nil {
			return
		}
		defer c.Close()
		_ = fn(c)
	}))
	r.t.Cleanup(srv.Close)
	pool := x509.NewCertPool()
	pool.AddCert(srv.Certificate())
	d.TLSClientConfig = &tls.Config{RootCAs: pool}
	return "wss" + strings.TrimPrefix(srv.URL, "https")
}
