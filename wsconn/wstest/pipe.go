//go:build !js

package wstest

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"testing"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/wsconn"
	"github.com/wakechain/wakechain/wsconn/coderws"
)

// url is the URL that a client dials: the address of the server's end.
const url = "ws://server/"

// Pipe returns the two ends of a WebSocket connection of nhooyr.io/websocket in memory.
// They perform a real handshake, by Dial through an http.Transport and by Accept in an
// http.Server. The test's Cleanup closes both. If they do not connect, it fails the
// test.
//
// In a synctest bubble the connection belongs to the bubble:
//
//	synctest.Test(t, func(t *testing.T) {
//		client, server := wstest.Pipe(t)
func Pipe(tb testing.TB, opts ...Option) (client, server *wsconn.Conn) {
	tb.Helper()
	return pipe(tb, newConfig(opts),
		func(ctx context.Context, c *http.Client, o []wsconn.Option) (*wsconn.Conn, error) {
			conn, _, err := wsconn.Dial(ctx, url, &wsconn.DialOptions{HTTPClient: c}, o...)
			return conn, err
		},
		func(w http.ResponseWriter, r *http.Request, o []wsconn.Option) (*wsconn.Conn, error) {
			return wsconn.Accept(w, r, nil, o...)
		})
}

// CoderPipe is [Pipe] for github.com/coder/websocket.
func CoderPipe(tb testing.TB, opts ...Option) (client, server *coderws.Conn) {
	tb.Helper()
	return pipe(tb, newConfig(opts),
		func(ctx context.Context, c *http.Client, o []wsconn.Option) (*coderws.Conn, error) {
			conn, _, err := coderws.Dial(ctx, url, &coderws.DialOptions{HTTPClient: c}, o...)
			return conn, err
		},
		func(w http.ResponseWriter, r *http.Request, o []wsconn.Option) (*coderws.Conn, error) {
			return coderws.Accept(w, r, nil, o...)
		})
}

// pipe connects two ends over cfg's listener, and stops the server that it used for the
// handshake.
func pipe[C interface{ CloseNow() error }](tb testing.TB, cfg *config,
	dial func(context.Context, *http.Client, []wsconn.Option) (C, error),
	accept func(http.ResponseWriter, *http.Request, []wsconn.Option) (C, error),
) (client, server C) {
	tb.Helper()
	ctx := cfg.ctx
	if ctx == nil {
		ctx = tb.Context()
	}
	l := newListener(cfg.netPipe)
	if cfg.client != nil {
		l = newListener(func() (_, _ *Conn) { return cfg.client, cfg.server })
	}

	type result struct {
		conn C
		err  error
	}
	accepted, failed := make(chan result), make(chan struct{})
	defer close(failed) // or done
	srv := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c, err := accept(w, r, cfg.serving)
			select {
			case accepted <- result{c, err}:
			case <-failed:
				if err == nil {
					_ = c.CloseNow()
				}
			}
		}),
		// The client's tracer; its span is in the request.
		BaseContext: func(net.Listener) context.Context {
			return trace.FromContext(ctx).NewContext(context.Background())
		},
		ErrorLog: log.New(io.Discard, "", 0),
	}
	var serving sync.WaitGroup
	serving.Go(func() { _ = srv.Serve(l) })
	defer serving.Wait()
	defer srv.Close()

	client, err := dial(ctx, &http.Client{Transport: &http.Transport{DialContext: l.DialContext}}, cfg.dialed)
	if err != nil {
		tb.Fatalf("wstest: connect: %v", err)
	}
	res := <-accepted
	if res.err != nil {
		_ = client.CloseNow()
		tb.Fatalf("wstest: accept: %v", res.err)
	}
	server = res.conn
	tb.Cleanup(func() {
		var closing sync.WaitGroup // each waits for the other
		closing.Go(func() { _ = client.CloseNow() })
		closing.Go(func() { _ = server.CloseNow() })
		closing.Wait()
	})
	return client, server
}
