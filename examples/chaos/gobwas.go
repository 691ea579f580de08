package main

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"github.com/wakechain/wakechain/wsconn/gobwasws"
)

// gobwasMethods is the methods of the traced connection, and of the bare one below.
type gobwasMethods interface {
	ReadMessage() ([]byte, ws.OpCode, error)
	WriteMessage(op ws.OpCode, p []byte) error
	WriteControl(op ws.OpCode, p []byte) error
	Close() error
	NetConn() net.Conn
}

// bareGobwas uses the library as a program without wakechain does.
type bareGobwas struct {
	net.Conn
	rd    io.Reader // begins with the bytes received with the handshake
	state ws.State
}

func (c *bareGobwas) Read(p []byte) (int, error) { return c.rd.Read(p) }

func (c *bareGobwas) ReadMessage() ([]byte, ws.OpCode, error) { return wsutil.ReadData(c, c.state) }

func (c *bareGobwas) WriteMessage(op ws.OpCode, p []byte) error {
	return wsutil.WriteMessage(c.Conn, c.state, op, p)
}

func (c *bareGobwas) WriteControl(op ws.OpCode, p []byte) error { return c.WriteMessage(op, p) }

func (c *bareGobwas) NetConn() net.Conn { return c.Conn }

type gobwasConn struct {
	gobwasMethods
	traced *gobwasws.Conn // nil: bare
}

func wrapGobwas(ctx context.Context, c gobwasMethods, traced *gobwasws.Conn, err error) (conn, error) {
	if err != nil {
		return nil, err
	}
	return newContextless(ctx, gobwasConn{c, traced}, false), nil
}

func (c gobwasConn) in(ctx context.Context) gobwasMethods {
	if c.traced == nil {
		return c.gobwasMethods
	}
	return c.traced.WithContext(ctx)
}

func (c gobwasConn) Context(ctx context.Context) context.Context {
	if c.traced == nil {
		return ctx
	}
	return c.traced.Context(ctx)
}

var errWhole = errors.New("the library has whole messages alone")

func (c gobwasConn) reader(context.Context) (io.Reader, error) { return nil, errWhole }

func (c gobwasConn) writer(context.Context, bool) (io.WriteCloser, error) { return nil, errWhole }

func (c gobwasConn) control(ctx context.Context, opcode int, p []byte) error {
	return c.in(ctx).WriteControl(ws.OpCode(opcode), p)
}
func (c gobwasConn) close() error             { return c.Close() }
func (c gobwasConn) readBy(t time.Time) error { return c.NetConn().SetReadDeadline(t) }
func (c gobwasConn) limit(int64)              {}
func (c gobwasConn) write(ctx context.Context, text bool, p []byte) error {
	return c.in(ctx).WriteMessage(ws.OpCode(kind[int](text)), p)
}

func (c gobwasConn) read(ctx context.Context) ([]byte, error) {
	p, _, err := c.in(ctx).ReadMessage()
	return p, err
}

// errEarly is the same error as the adapter's.
var errEarly = errors.New("gobwasws: the client sent data before the handshake was over")

func acceptGobwas(w http.ResponseWriter, r *http.Request) (*bareGobwas, error) {
	c, rw, _, err := ws.UpgradeHTTP(r, w)
	if err == nil && rw.Reader.Buffered() > 0 {
		err = errEarly
	}
	if err != nil {
		if c != nil {
			_ = c.Close()
		}
		return nil, err
	}
	return &bareGobwas{c, c, ws.StateServerSide}, nil
}

func dialGobwas(ctx context.Context, d ws.Dialer, url string) (*bareGobwas, error) {
	c, br, _, err := d.Dial(ctx, url)
	if err != nil {
		return nil, err
	}
	b := &bareGobwas{c, c, ws.StateClientSide}
	if br != nil {
		b.rd = br
	}
	return b, nil
}

var gobwasLibrary = library{
	name: "gobwas",
	bare: side{
		accept: func(w http.ResponseWriter, r *http.Request, _ settings) (conn, error) {
			c, err := acceptGobwas(w, r)
			return wrapGobwas(r.Context(), c, nil, err)
		},
		dial: func(ctx context.Context, url string, s settings) (conn, error) {
			c, err := dialGobwas(ctx, ws.Dialer{NetDial: s.dial, TLSConfig: s.tls}, url)
			return wrapGobwas(ctx, c, nil, err)
		},
	},
	traced: side{
		accept: func(w http.ResponseWriter, r *http.Request, s settings) (conn, error) {
			c, _, err := gobwasws.Upgrade(ws.HTTPUpgrader{}, w, r, s.options...)
			return wrapGobwas(r.Context(), c, c, err)
		},
		dial: func(ctx context.Context, url string, s settings) (conn, error) {
			c, _, err := gobwasws.Dial(ctx, ws.Dialer{NetDial: s.dial, TLSConfig: s.tls}, url, s.options...)
			return wrapGobwas(ctx, c, c, err)
		},
	},
	handler: func(name string, fn func(context.Context, conn) error, s settings) http.Handler {
		return gobwasws.Handler(name, func(ctx context.Context, c *gobwasws.Conn) error {
			w, _ := wrapGobwas(ctx, c, c, nil)
			return fn(ctx, w)
		}, s.options...)
	},
	closeStatus: func(err error) int {
		if e := (wsutil.ClosedError{}); errors.As(err, &e) {
			return int(e.Code)
		}
		return -1
	},
	contextless: true,

	whole: true,
	loose: true,
}
