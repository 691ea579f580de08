package session_test

import (
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/tracetest"
	"github.com/wakechain/wakechain/wsconn/internal/session"
)

// ends are a connection's addresses as one side sees them.
type ends struct{ local, peer string }

func endsOf(nc net.Conn) ends { return ends{nc.LocalAddr().String(), nc.RemoteAddr().String()} }

// recordedEnds returns the addresses that a handshake recorded.
func recordedEnds(t *testing.T, r *recorder) ends {
	t.Helper()
	wantEnd(t, r, semconv.SpanHandshake, 1)
	s := tracetest.One(t, r.Chain(), semconv.SpanHandshake)
	return ends{
		net.JoinHostPort(s.Str(semconv.NetworkLocalAddressKey), s.Str(semconv.NetworkLocalPortKey)),
		net.JoinHostPort(s.Str(semconv.NetworkPeerAddressKey), s.Str(semconv.NetworkPeerPortKey)),
	}
}

// Both handshakes record the addresses of the connection that was dialed or accepted. They
// match crosswise if that is one connection, and only then.
func TestAddresses(t *testing.T) {
	forwarded := func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.RemoteAddr = "203.0.113.7:443" // as middleware sets it from a header
			h.ServeHTTP(w, r)
		})
	}
	for name, test := range map[string]struct {
		listen  func(net.Listener) net.Listener
		tls     bool
		proxied bool
		refused bool
		v6      bool
		wrap    func(http.Handler) http.Handler
	}{
		"plain":             {},
		"NewListener":       {listen: session.NewListener},
		"IPv6":              {v6: true},
		"TLS":               {tls: true},
		"TLS, NewListener":  {tls: true, listen: session.NewListener},
		"proxy":             {proxied: true},
		"TLS through proxy": {proxied: true, tls: true},
		"refused":           {refused: true},
		"rewritten":         {wrap: forwarded},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, lib library) {
				client, server := newRecorder(t), newRecorder(t)
				h := lib.handler("handler", func(context.Context, conn) error { return nil }, server.option())
				if test.wrap != nil {
					h = test.wrap(h)
				}
				network, host := "tcp4", "127.0.0.1:0"
				if test.v6 {
					network, host = "tcp6", "[::1]:0"
				}
				l, err := net.Listen(network, host)
				if err != nil && test.v6 {
					t.Skip("no IPv6: ", err)
				} else if err != nil {
					t.Fatal(err)
				}
				url := "ws://" + l.Addr().String()
				if test.listen != nil {
					l = test.listen(l)
				}
				accepted := make(chan ends, 1)
				srv := &http.Server{Handler: h, ErrorLog: log.New(io.Discard, "", 0), ConnContext: func(ctx context.Context, nc net.Conn) context.Context {
					accepted <- endsOf(nc)
					return ctx
				}}
				dialed := make(chan ends, 1)
				transport := &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
					nc, err := (&net.Dialer{}).DialContext(ctx, network, addr)
					if err == nil {
						dialed <- endsOf(nc)
					}
					return nc, err
				}}
				served := make(chan struct{})
				if test.tls {
					ca := newAuthority(t)
					srv.TLSConfig = &tls.Config{Certificates: []tls.Certificate{ca.leaf(t)}}
					transport.TLSClientConfig = &tls.Config{RootCAs: ca.pool}
					url = strings.Replace(url, "ws:", "wss:", 1)
				}
				go func() {
					defer close(served)
					if test.tls {
						_ = srv.ServeTLS(l, "", "")
					} else {
						_ = srv.Serve(l)
					}
				}()
				t.Cleanup(func() {
					_ = srv.Close()
					<-served
				})
				if test.proxied {
					transport.Proxy = http.ProxyURL(proxy(t))
				}
				o := options{client: &http.Client{Transport: transport}}
				if test.refused {
					o.header = http.Header{"Origin": {"https://elsewhere.test"}}
				}
				c, _, err := lib.traced.dial(t.Context(), url, o, client.option())
				if test.refused != (err != nil) {
					t.Fatal(err)
				}
				if err == nil {
					_, _, _ = c.Read(t.Context())
					_ = c.CloseNow()
				}
				gotClient, gotServer := recordedEnds(t, client), recordedEnds(t, server)
				if want := <-dialed; gotClient != want {
					t.Errorf("client: got %+v, want %+v", gotClient, want)
				}
				want := <-accepted
				if gotServer != want {
					t.Errorf("server: got %+v, want %+v", gotServer, want)
				}
				one := gotClient.local == gotServer.peer && gotClient.peer == gotServer.local
				if one == test.proxied {
					t.Errorf("got addresses %+v and %+v, of one connection: %t", gotClient, gotServer, !test.proxied)
				}
			})
		})
	}
}
