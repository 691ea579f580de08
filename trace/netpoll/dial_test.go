package netpoll_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"testing"

	"github.com/wakechain/wakechain/trace/netpoll"
)

// fetch gets a URL and returns the conn that the transport used.
func fetch(t *testing.T, tr *http.Transport, url string) (got net.Conn, reused bool, resp *http.Response) {
	t.Helper()
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) { got, reused = info.Conn, info.Reused },
	})
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err = tr.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	if resp.StatusCode != http.StatusOK {
		t.Errorf("got status %s, want 200", resp.Status)
	}
	return got, reused, resp
}

func TestWrapDialer(t *testing.T) {
	ok := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	t.Run("http", func(t *testing.T) {
		srv := httptest.NewServer(ok)
		defer srv.Close()
		tr := &http.Transport{DialContext: netpoll.WrapDialer(nil)}
		defer tr.CloseIdleConnections()
		got, _, _ := fetch(t, tr, srv.URL)
		if _, ok := got.(*netpoll.Conn); !ok {
			t.Errorf("got a conn of type %T, want *netpoll.Conn", got)
		}
	})
	for _, http2 := range []bool{false, true} {
		srv := httptest.NewUnstartedServer(ok)
		srv.EnableHTTP2 = http2
		srv.Config.ErrorLog = log.New(io.Discard, "", 0) // of connections that end with the test
		srv.StartTLS()
		config := srv.Client().Transport.(*http.Transport).TLSClientConfig
		proto := map[bool]string{false: "HTTP/1.1", true: "HTTP/2.0"}[http2]

		t.Run("below TLS, "+proto, func(t *testing.T) {
			tr := &http.Transport{
				DialContext: netpoll.WrapDialer((&net.Dialer{}).DialContext), TLSClientConfig: config.Clone(), ForceAttemptHTTP2: http2,
			}
			defer tr.CloseIdleConnections()
			got, _, resp := fetch(t, tr, srv.URL)
			if netpoll.Below(got) == nil {
				t.Errorf("got a conn of type %T with no *netpoll.Conn below", got)
			}
			if resp.Proto != proto || resp.TLS == nil {
				t.Errorf("got %s, TLS %v, want %s with TLS", resp.Proto, resp.TLS, proto)
			}
		})
		t.Run("a conn that is TLS already, "+proto, func(t *testing.T) {
			own := config.Clone()
			if http2 {
				own.NextProtos = []string{"h2"}
			}
			tr := &http.Transport{
				DialTLSContext: netpoll.WrapDialer((&tls.Dialer{Config: own}).DialContext), ForceAttemptHTTP2: http2,
			}
			defer tr.CloseIdleConnections()
			_, _, resp := fetch(t, tr, srv.URL)
			if resp.Proto != proto || resp.TLS == nil {
				t.Errorf("got %s, TLS %v, want %s with TLS", resp.Proto, resp.TLS, proto)
			}
		})
		srv.Close()
	}
	t.Run("error", func(t *testing.T) {
		refused := errors.New("refused")
		nc, err := netpoll.WrapDialer(func(context.Context, string, string) (net.Conn, error) {
			return nil, refused
		})(t.Context(), "tcp", "host:1")
		if nc != nil || err != refused {
			t.Errorf("got %v, %v, want nil, %v", nc, err, refused)
		}
	})
}
