package main

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"

	coder "github.com/coder/websocket"
	nhooyr "nhooyr.io/websocket"

	"github.com/wakechain/wakechain/wsconn"
	"github.com/wakechain/wakechain/wsconn/coderws"
)

// conn is the methods of a connection that a play calls, of any library, bare or traced.
type conn interface {
	Read(ctx context.Context) ([]byte, error)
	Reader(ctx context.Context) (io.Reader, error)
	Write(ctx context.Context, text bool, p []byte) error
	Writer(ctx context.Context, text bool) (io.WriteCloser, error)
	Ping(ctx context.Context) error
	Close(code int, reason string) error
	CloseNow() error
	SetReadLimit(n int64)

	// Context returns a copy of ctx with the span of the connection's handshake.
	Context(ctx context.Context) context.Context
}

// settings configure one connection, at either end.
type settings struct {
	compress bool
	options  []wsconn.Option

	// For Dial.
	client *http.Client
	dial   func(ctx context.Context, network, addr string) (net.Conn, error)
	tls    *tls.Config
}

// side is a library, bare or traced.
type side struct {
	accept func(w http.ResponseWriter, r *http.Request, s settings) (conn, error)
	dial   func(ctx context.Context, url string, s settings) (conn, error)
}

// library is a WebSocket library that wakechain has an adapter for. To test another one,
// add it to libraries.
type library struct {
	name         string
	bare, traced side
	handler      func(name string, fn func(context.Context, conn) error, s settings) http.Handler
	closeStatus  func(error) int // the code of the close frame that the error is about, or -1
	whole        bool            // it has no Reader, no Writer and no compression
	contextless  bool            // the program must handle contexts: see contextless.go
	loose        bool            // its answers may be sent inside a frame that the program writes
}

var libraries = []library{
	{
		name: "nhooyr",
		bare: side{
			accept: func(w http.ResponseWriter, r *http.Request, s settings) (conn, error) {
				c, err := nhooyr.Accept(w, r, &nhooyr.AcceptOptions{CompressionMode: nhooyr.CompressionMode(mode(s))})
				return wrap(bareNhooyr{c}, err)
			},
			dial: func(ctx context.Context, url string, s settings) (conn, error) {
				c, _, err := nhooyr.Dial(ctx, url, &nhooyr.DialOptions{HTTPClient: s.client, CompressionMode: nhooyr.CompressionMode(mode(s))})
				return wrap(bareNhooyr{c}, err)
			},
		},
		traced: side{
			accept: func(w http.ResponseWriter, r *http.Request, s settings) (conn, error) {
				c, err := wsconn.Accept(w, r, &nhooyr.AcceptOptions{CompressionMode: nhooyr.CompressionMode(mode(s))}, s.options...)
				return wrap(c, err)
			},
			dial: func(ctx context.Context, url string, s settings) (conn, error) {
				c, _, err := wsconn.Dial(ctx, url, &nhooyr.DialOptions{HTTPClient: s.client, CompressionMode: nhooyr.CompressionMode(mode(s))}, s.options...)
				return wrap(c, err)
			},
		},
		handler: func(name string, fn func(context.Context, conn) error, s settings) http.Handler {
			opts := append(s.options[:len(s.options):len(s.options)],
				wsconn.WithAcceptOptions(&nhooyr.AcceptOptions{CompressionMode: nhooyr.CompressionMode(mode(s))}))
			return wsconn.Handler(name, func(ctx context.Context, c *wsconn.Conn) error { return fn(ctx, adapted(c)) }, opts...)
		},
		closeStatus: func(err error) int { return int(nhooyr.CloseStatus(err)) },
	},
	{
		name: "coder",
		bare: side{
			accept: func(w http.ResponseWriter, r *http.Request, s settings) (conn, error) {
				c, err := coder.Accept(w, r, &coder.AcceptOptions{CompressionMode: coder.CompressionMode(mode(s))})
				return wrap(bareCoder{c}, err)
			},
			dial: func(ctx context.Context, url string, s settings) (conn, error) {
				c, _, err := coder.Dial(ctx, url, &coder.DialOptions{HTTPClient: s.client, CompressionMode: coder.CompressionMode(mode(s))})
				return wrap(bareCoder{c}, err)
			},
		},
		traced: side{
			accept: func(w http.ResponseWriter, r *http.Request, s settings) (conn, error) {
				c, err := coderws.Accept(w, r, &coder.AcceptOptions{CompressionMode: coder.CompressionMode(mode(s))}, s.options...)
				return wrap(c, err)
			},
			dial: func(ctx context.Context, url string, s settings) (conn, error) {
				c, _, err := coderws.Dial(ctx, url, &coder.DialOptions{HTTPClient: s.client, CompressionMode: coder.CompressionMode(mode(s))}, s.options...)
				return wrap(c, err)
			},
		},
		handler: func(name string, fn func(context.Context, conn) error, s settings) http.Handler {
			opts := append(s.options[:len(s.options):len(s.options)],
				coderws.WithAcceptOptions(&coder.AcceptOptions{CompressionMode: coder.CompressionMode(mode(s))}))
			return coderws.Handler(name, func(ctx context.Context, c *coderws.Conn) error { return fn(ctx, adapted(c)) }, opts...)
		},
		closeStatus: func(err error) int { return int(coder.CloseStatus(err)) },
	},
	gorillaLibrary,
	gobwasLibrary,
}

// mode returns the compression mode, which has the same number in both libraries.
func mode(s settings) int {
	if s.compress {
		return int(nhooyr.CompressionNoContextTakeover)
	}
	return int(nhooyr.CompressionDisabled)
}

// methods is the methods of both libraries' connections, whose types differ in name.
type methods[M, S ~int] interface {
	Read(ctx context.Context) (M, []byte, error)
	Reader(ctx context.Context) (M, io.Reader, error)
	Write(ctx context.Context, typ M, p []byte) error
	Writer(ctx context.Context, typ M) (io.WriteCloser, error)
	Ping(ctx context.Context) error
	Close(code S, reason string) error
	CloseNow() error
	SetReadLimit(n int64)
	Context(ctx context.Context) context.Context
}

// The bare libraries' connections carry no span.
type (
	bareNhooyr struct{ *nhooyr.Conn }
	bareCoder  struct{ *coder.Conn }
)

func (bareNhooyr) Context(ctx context.Context) context.Context { return ctx }
func (bareCoder) Context(ctx context.Context) context.Context  { return ctx }

// adapter makes a library's connection a conn.
type adapter[M, S ~int] struct{ methods[M, S] }

func adapted[M, S ~int](c methods[M, S]) conn { return adapter[M, S]{c} }

func wrap[M, S ~int](c methods[M, S], err error) (conn, error) {
	if err != nil {
		return nil, err
	}
	return adapted(c), nil
}

// kind returns a message type: as in RFC 6455, all libraries number text 1 and binary 2.
func kind[M ~int](text bool) M {
	if text {
		return 1
	}
	return 2
}

func (a adapter[M, S]) Read(ctx context.Context) ([]byte, error) {
	_, p, err := a.methods.Read(ctx)
	return p, err
}

func (a adapter[M, S]) Reader(ctx context.Context) (io.Reader, error) {
	_, r, err := a.methods.Reader(ctx)
	return r, err
}

func (a adapter[M, S]) Write(ctx context.Context, text bool, p []byte) error {
	return a.methods.Write(ctx, kind[M](text), p)
}

func (a adapter[M, S]) Writer(ctx context.Context, text bool) (io.WriteCloser, error) {
	return a.methods.Writer(ctx, kind[M](text))
}

func (a adapter[M, S]) Close(code int, reason string) error { return a.methods.Close(S(code), reason) }
