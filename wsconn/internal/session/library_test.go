package session_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"testing"

	coder "github.com/coder/websocket"
	nhooyr "nhooyr.io/websocket"

	"github.com/wakechain/wakechain/wsconn"
	"github.com/wakechain/wakechain/wsconn/coderws"
	"github.com/wakechain/wakechain/wsconn/internal/session"
)

const (
	messageText   = 1
	messageBinary = 2
)

// conn is a connection of either library, bare or traced.
type conn interface {
	Read(ctx context.Context) (int, []byte, error)
	Reader(ctx context.Context) (int, io.Reader, error)
	Write(ctx context.Context, typ int, p []byte) error
	Writer(ctx context.Context, typ int) (io.WriteCloser, error)
	Ping(ctx context.Context) error
	Close(code int, reason string) error
	CloseNow() error
	CloseRead(ctx context.Context) context.Context
	SetReadLimit(n int64)
	Subprotocol() string
}

// methods are those of a connection with its library's types.
type methods[M, S ~int] interface {
	Read(ctx context.Context) (M, []byte, error)
	Reader(ctx context.Context) (M, io.Reader, error)
	Write(ctx context.Context, typ M, p []byte) error
	Writer(ctx context.Context, typ M) (io.WriteCloser, error)
	Ping(ctx context.Context) error
	Close(code S, reason string) error
	CloseNow() error
	CloseRead(ctx context.Context) context.Context
	SetReadLimit(n int64)
	Subprotocol() string
}

// common makes a conn of a library's connection.
type common[M, S ~int] struct{ methods[M, S] }

func (c common[M, S]) Read(ctx context.Context) (int, []byte, error) {
	typ, p, err := c.methods.Read(ctx)
	return int(typ), p, err
}

func (c common[M, S]) Reader(ctx context.Context) (int, io.Reader, error) {
	typ, r, err := c.methods.Reader(ctx)
	return int(typ), r, err
}

func (c common[M, S]) Write(ctx context.Context, typ int, p []byte) error {
	return c.methods.Write(ctx, M(typ), p)
}

func (c common[M, S]) Writer(ctx context.Context, typ int) (io.WriteCloser, error) {
	return c.methods.Writer(ctx, M(typ))
}

func (c common[M, S]) Close(code int, reason string) error { return c.methods.Close(S(code), reason) }

// options are the fields that both libraries' options have.
type options struct {
	subprotocols []string
	compression  int
	threshold    int
	origins      []string // Accept
	client       *http.Client
	header       http.Header
}

// endpoint is a library, bare or traced.
type endpoint struct {
	accept  func(w http.ResponseWriter, r *http.Request, o options, opts ...session.Option) (conn, error)
	dial    func(ctx context.Context, url string, o options, opts ...session.Option) (conn, *http.Response, error)
	netConn func(ctx context.Context, c conn, typ int) net.Conn
}

// library is one of the two that are wrapped.
type library struct {
	name         string
	bare, traced endpoint
	handler      func(name string, fn func(context.Context, conn) error, opts ...session.Option) http.Handler
	closeStatus  func(error) int
}

var libraries = []library{
	{
		name: "nhooyr",
		bare: endpoint{
			accept: func(w http.ResponseWriter, r *http.Request, o options, _ ...session.Option) (conn, error) {
				c, err := nhooyr.Accept(w, r, nhooyrAccept(o))
				return wrapped(nhooyrConn{c}, err)
			},
			dial: func(ctx context.Context, url string, o options, _ ...session.Option) (conn, *http.Response, error) {
				c, resp, err := nhooyr.Dial(ctx, url, nhooyrDial(o))
				cc, err := wrapped(nhooyrConn{c}, err)
				return cc, resp, err
			},
			netConn: func(ctx context.Context, c conn, typ int) net.Conn {
				return nhooyr.NetConn(ctx, c.(nhooyrCommon).methods.(nhooyrConn).Conn, nhooyr.MessageType(typ))
			},
		},
		traced: endpoint{
			accept: func(w http.ResponseWriter, r *http.Request, o options, opts ...session.Option) (conn, error) {
				c, err := wsconn.Accept(w, r, nhooyrAccept(o), opts...)
				return wrapped(c, err)
			},
			dial: func(ctx context.Context, url string, o options, opts ...session.Option) (conn, *http.Response, error) {
				c, resp, err := wsconn.Dial(ctx, url, nhooyrDial(o), opts...)
				cc, err := wrapped(c, err)
				return cc, resp, err
			},
			netConn: func(ctx context.Context, c conn, typ int) net.Conn {
				return wsconn.NetConn(ctx, c.(nhooyrCommon).methods.(*wsconn.Conn), nhooyr.MessageType(typ))
			},
		},
		handler: func(name string, fn func(context.Context, conn) error, opts ...session.Option) http.Handler {
			return wsconn.Handler(name, func(ctx context.Context, c *wsconn.Conn) error { return fn(ctx, nhooyrCommon{c}) }, opts...)
		},
		closeStatus: func(err error) int { return int(nhooyr.CloseStatus(err)) },
	},
	{
		name: "coder",
		bare: endpoint{
			accept: func(w http.ResponseWriter, r *http.Request, o options, _ ...session.Option) (conn, error) {
				c, err := coder.Accept(w, r, coderAccept(o))
				return wrapped(coderConn{c}, err)
			},
			dial: func(ctx context.Context, url string, o options, _ ...session.Option) (conn, *http.Response, error) {
				c, resp, err := coder.Dial(ctx, url, coderDial(o))
				cc, err := wrapped(coderConn{c}, err)
				return cc, resp, err
			},
			netConn: func(ctx context.Context, c conn, typ int) net.Conn {
				return coder.NetConn(ctx, c.(coderCommon).methods.(coderConn).Conn, coder.MessageType(typ))
			},
		},
		traced: endpoint{
			accept: func(w http.ResponseWriter, r *http.Request, o options, opts ...session.Option) (conn, error) {
				c, err := coderws.Accept(w, r, coderAccept(o), opts...)
				return wrapped(c, err)
			},
			dial: func(ctx context.Context, url string, o options, opts ...session.Option) (conn, *http.Response, error) {
				c, resp, err := coderws.Dial(ctx, url, coderDial(o), opts...)
				cc, err := wrapped(c, err)
				return cc, resp, err
			},
			netConn: func(ctx context.Context, c conn, typ int) net.Conn {
				return coderws.NetConn(ctx, c.(coderCommon).methods.(*coderws.Conn), coder.MessageType(typ))
			},
		},
		handler: func(name string, fn func(context.Context, conn) error, opts ...session.Option) http.Handler {
			return coderws.Handler(name, func(ctx context.Context, c *coderws.Conn) error { return fn(ctx, coderCommon{c}) }, opts...)
		},
		closeStatus: func(err error) int { return int(coder.CloseStatus(err)) },
	},
}

type (
	nhooyrCommon = common[nhooyr.MessageType, nhooyr.StatusCode]
	coderCommon  = common[coder.MessageType, coder.StatusCode]
	nhooyrConn   struct{ *nhooyr.Conn }
	coderConn    struct{ *coder.Conn }
)

func wrapped[M, S ~int](c methods[M, S], err error) (conn, error) {
	if err != nil {
		return nil, err
	}
	return common[M, S]{c}, nil
}

func nhooyrAccept(o options) *nhooyr.AcceptOptions {
	return &nhooyr.AcceptOptions{
		Subprotocols: o.subprotocols, OriginPatterns: o.origins,
		CompressionMode: nhooyr.CompressionMode(o.compression), CompressionThreshold: o.threshold,
	}
}

func nhooyrDial(o options) *nhooyr.DialOptions {
	return &nhooyr.DialOptions{
		HTTPClient: o.client, HTTPHeader: o.header, Subprotocols: o.subprotocols,
		CompressionMode: nhooyr.CompressionMode(o.compression), CompressionThreshold: o.threshold,
	}
}

func coderAccept(o options) *coder.AcceptOptions {
	return &coder.AcceptOptions{
		Subprotocols: o.subprotocols, OriginPatterns: o.origins,
		CompressionMode: coder.CompressionMode(o.compression), CompressionThreshold: o.threshold,
	}
}

func coderDial(o options) *coder.DialOptions {
	return &coder.DialOptions{
		HTTPClient: o.client, HTTPHeader: o.header, Subprotocols: o.subprotocols,
		CompressionMode: coder.CompressionMode(o.compression), CompressionThreshold: o.threshold,
	}
}

// each runs f for both libraries.
func each(t *testing.T, f func(t *testing.T, lib library)) {
	t.Helper()
	for _, lib := range libraries {
		t.Run(lib.name, func(t *testing.T) { f(t, lib) })
	}
}
