package netpoll_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/netpoll"
	"github.com/wakechain/wakechain/trace/semconv"
)

// copying is a listener whose conns count the copies into them.
type copying struct {
	net.Listener
	copies *atomic.Int64
}

func (l copying) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return copyingConn{nc.(*net.TCPConn), l.copies}, nil
}

type copyingConn struct {
	*net.TCPConn
	copies *atomic.Int64
}

func (c copyingConn) ReadFrom(r io.Reader) (int64, error) {
	c.copies.Add(1)
	return c.TCPConn.ReadFrom(r)
}

// serve starts a server of a file. It calls accepted, if that is not nil, with each conn,
// and returns the server and the conns.
func serve(t *testing.T, file string, wrap func(net.Listener) net.Listener, tls bool, accepted func(net.Conn)) (srv *httptest.Server, conns chan net.Conn) {
	t.Helper()
	conns = make(chan net.Conn, 8)
	srv = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, file) }))
	srv.Listener = wrap(srv.Listener)
	srv.Config.ConnContext = func(ctx context.Context, nc net.Conn) context.Context {
		if accepted != nil {
			accepted(nc)
		}
		conns <- nc
		return ctx
	}
	srv.Config.ErrorLog = log.New(io.Discard, "", 0) // of connections that end with the test
	if tls {
		srv.StartTLS()
	} else {
		srv.Start()
	}
	t.Cleanup(srv.Close)
	return srv, conns
}

// A server over wrapped conns sends files, by the copy that may use sendfile,
// and keeps connections alive.
func TestListenerHTTP(t *testing.T) {
	data := bytes.Repeat([]byte("0123456789abcdef"), 200_000)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	copies := new(atomic.Int64)
	for name, wrap := range map[string]func(net.Listener) net.Listener{
		"plain":        netpoll.NewListener,
		"another type": func(l net.Listener) net.Listener { return netpoll.NewListener(copying{l, copies}) },
	} {
		t.Run(name, func(t *testing.T) {
			srv, conns := serve(t, file, wrap, false, nil)
			tr := &http.Transport{}
			defer tr.CloseIdleConnections()
			for i := range 3 {
				_, reused, resp := fetch(t, tr, srv.URL)
				got, err := io.ReadAll(resp.Body)
				if err != nil || !bytes.Equal(got, data) {
					t.Errorf("request %d: got %d bytes, %v, want the %d of the file", i, len(got), err, len(data))
				}
				if reused != (i > 0) {
					t.Errorf("request %d: reused=%v, want %v", i, reused, i > 0)
				}
			}
			if _, ok := (<-conns).(*netpoll.Conn); !ok {
				t.Error("the server's conn is no *netpoll.Conn")
			}
		})
	}
	if got := copies.Load(); got != 3 {
		t.Errorf("got %d copies into the wrapped conn, want 3", got)
	}
}

// Observed conns serve as unobserved ones do: the reader in the background, by
// which a server sees its client go, is stopped by a deadline.
func TestListenerHTTPObserved(t *testing.T) {
	data := bytes.Repeat([]byte("0123456789abcdef"), 200_000)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, rec := record(t)
	var read, write trace.Op
	srv, conns := serve(t, file, netpoll.NewListener, false, func(nc net.Conn) {
		read = start(ctx, nc.(*netpoll.Conn), semconv.ReasonNetRead)
		write = start(ctx, nc.(*netpoll.Conn), semconv.ReasonNetWrite)
	})
	tr := &http.Transport{}
	for i := range 3 {
		_, _, resp := fetch(t, tr, srv.URL)
		got, err := io.ReadAll(resp.Body)
		if err != nil || !bytes.Equal(got, data) {
			t.Errorf("request %d: got %d bytes, %v, want the %d of the file", i, len(got), err, len(data))
		}
	}
	tr.CloseIdleConnections()
	srv.Close()
	<-conns
	read.End(nil)
	write.End(nil)
	_, _ = spanOf(t, rec, read)
	_, _ = spanOf(t, rec, write)
}

func TestListenerTLS(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	srv, conns := serve(t, file, netpoll.NewListener, true, nil)
	client := srv.Client()
	resp, err := client.Get(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got, err := io.ReadAll(resp.Body); string(got) != "text" || err != nil {
		t.Errorf("got %q, %v, want text", got, err)
	}
	nc := <-conns
	if _, ok := nc.(*tls.Conn); !ok || netpoll.Below(nc) == nil {
		t.Errorf("got a conn of type %T, want *tls.Conn with a *netpoll.Conn below", nc)
	}
	client.CloseIdleConnections()
}

// A listener that is above TLS already stays so: net/http knows its conns by
// their type.
func TestListenerAboveTLS(t *testing.T) {
	c, s := net.Pipe()
	defer c.Close()
	server := tls.Server(s, &tls.Config{})
	defer server.Close()
	l := netpoll.NewListener(&oneConn{server})
	if nc, err := l.Accept(); nc != server || err != nil {
		t.Errorf("got %v, %v, want the conn as it is", nc, err)
	}
	if nc, err := l.Accept(); nc != nil || err != net.ErrClosed {
		t.Errorf("got %v, %v, want nil, %v", nc, err, net.ErrClosed)
	}
}

type oneConn struct{ net.Conn }

func (l *oneConn) Accept() (net.Conn, error) {
	nc := l.Conn
	if nc == nil {
		return nil, net.ErrClosed
	}
	l.Conn = nil
	return nc, nil
}

func (l *oneConn) Close() error   { return nil }
func (l *oneConn) Addr() net.Addr { return nil }

// A read through TLS reports the parks of the conn below.
func TestBelowTLS(t *testing.T) {
	srv, conns := serve(t, os.DevNull, netpoll.NewListener, true, nil)
	config := srv.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	config.ServerName = "example.com"
	nc, err := netpoll.WrapDialer(nil)(t.Context(), "tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	client := tls.Client(nc, config)
	defer client.Close()
	if err := client.Handshake(); err != nil {
		t.Fatal(err)
	}
	<-conns
	ctx, rec := record(t)
	op := start(ctx, netpoll.Below(client), semconv.ReasonNetRead)
	r := begin(func() (int, error) { return client.Read(make([]byte, 1)) }).parked(t, "IO wait")
	_ = client.SetReadDeadline(time.Now().Add(-time.Hour))
	if _, err := r.wait(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v, want %v", err, os.ErrDeadlineExceeded)
	}
	op.End(nil)
	wantEdges(t, rec, op, `
		read
			block {reason=net.read, source=poll}
			wake {reason=deadline}
	`)
}
