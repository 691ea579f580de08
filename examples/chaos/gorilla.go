package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	gorilla "github.com/gorilla/websocket"

	"github.com/wakechain/wakechain/wsconn/gorillaws"
)

// gorillaMethods is the methods of the library's connection and of the traced one.
type gorillaMethods interface {
	ReadMessage() (int, []byte, error)
	NextReader() (int, io.Reader, error)
	WriteMessage(typ int, p []byte) error
	NextWriter(typ int) (io.WriteCloser, error)
	WriteControl(typ int, p []byte, deadline time.Time) error
	Close() error
	SetReadDeadline(t time.Time) error
	SetReadLimit(n int64)
}

type gorillaConn struct {
	gorillaMethods
	traced *gorillaws.Conn // nil: bare
}

func wrapGorilla(ctx context.Context, c gorillaMethods, traced *gorillaws.Conn, err error) (conn, error) {
	if err != nil {
		return nil, err
	}
	return newContextless(ctx, gorillaConn{c, traced}, true), nil
}

func (c gorillaConn) in(ctx context.Context) gorillaMethods {
	if c.traced == nil {
		return c.gorillaMethods
	}
	return c.traced.WithContext(ctx)
}

func (c gorillaConn) Context(ctx context.Context) context.Context {
	if c.traced == nil {
		return ctx
	}
	return c.traced.Context(ctx)
}

func (c gorillaConn) read(ctx context.Context) ([]byte, error) {
	_, p, err := c.in(ctx).ReadMessage()
	return p, err
}

func (c gorillaConn) reader(ctx context.Context) (io.Reader, error) {
	_, r, err := c.in(ctx).NextReader()
	return r, err
}

func (c gorillaConn) write(ctx context.Context, text bool, p []byte) error {
	return c.in(ctx).WriteMessage(kind[int](text), p)
}

func (c gorillaConn) writer(ctx context.Context, text bool) (io.WriteCloser, error) {
	return c.in(ctx).NextWriter(kind[int](text))
}

func (c gorillaConn) control(ctx context.Context, opcode int, p []byte) error {
	return c.in(ctx).WriteControl(opcode, p, time.Now().Add(limit))
}

func (c gorillaConn) close() error             { return c.Close() }
func (c gorillaConn) readBy(t time.Time) error { return c.SetReadDeadline(t) }

// limit sets the read limit. For the library 0 means no limit, and -1 does here.
func (c gorillaConn) limit(n int64) {
	switch {
	case n < 0:
		n = 0
	case n == 0:
		n = 1
	}
	c.SetReadLimit(n)
}

var gorillaLibrary = library{
	name: "gorilla",
	bare: side{
		accept: func(w http.ResponseWriter, r *http.Request, s settings) (conn, error) {
			c, err := (&gorilla.Upgrader{EnableCompression: s.compress}).Upgrade(w, r, nil)
			return wrapGorilla(r.Context(), c, nil, err)
		},
		dial: func(ctx context.Context, url string, s settings) (conn, error) {
			d := gorilla.Dialer{NetDialContext: s.dial, TLSClientConfig: s.tls, EnableCompression: s.compress}
			c, _, err := d.DialContext(ctx, url, nil) //nolint:bodyclose // the library's
			return wrapGorilla(ctx, c, nil, err)
		},
	},
	traced: side{
		accept: func(w http.ResponseWriter, r *http.Request, s settings) (conn, error) {
			c, err := (&gorillaws.Upgrader{EnableCompression: s.compress, Options: s.options}).Upgrade(w, r, nil)
			return wrapGorilla(r.Context(), c, c, err)
		},
		dial: func(ctx context.Context, url string, s settings) (conn, error) {
			d := gorillaws.Dialer{NetDialContext: s.dial, TLSClientConfig: s.tls, EnableCompression: s.compress, Options: s.options}
			c, _, err := d.DialContext(ctx, url, nil) //nolint:bodyclose // the library's
			return wrapGorilla(ctx, c, c, err)
		},
	},
	handler: func(name string, fn func(context.Context, conn) error, s settings) http.Handler {
		u := &gorillaws.Upgrader{EnableCompression: s.compress, Options: s.options}
		return gorillaws.Handler(name, func(ctx context.Context, c *gorillaws.Conn) error {
			w, _ := wrapGorilla(ctx, c, c, nil)
			return fn(ctx, w)
		}, gorillaws.WithUpgrader(u))
	},
	contextless: true,
	closeStatus: func(err error) int {
		if e := (*gorilla.CloseError)(nil); errors.As(err, &e) {
			return e.Code
		}
		return -1
	},
}
