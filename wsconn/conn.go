package wsconn

import (
	"context"
	"io"
	"net/http"

	"nhooyr.io/websocket"

	"github.com/wakechain/wakechain/wsconn/internal/session"
)

// Conn is a websocket.Conn whose operations have spans. Its methods return the library's
// results, and follow its documentation. They may be called concurrently, except Reader and
// Read.
type Conn struct {
	ws      *websocket.Conn
	session *session.Session
	request *http.Request
}

// Request returns the request that [Handler] has accepted, for its path values, cookies
// and context values; nil for a connection of [Dial] or [Accept]. Its body must not be used.
func (c *Conn) Request() *http.Request { return c.request }

// Unwrap returns the library's connection. Calls on that have no spans.
func (c *Conn) Unwrap() *websocket.Conn { return c.ws }

// Context returns a copy of parent that carries the connection's tracer and, if parent
// carries no span, the handshake's span context. A goroutine that trace.Go starts with it
// belongs to the connection's trace.
func (c *Conn) Context(parent context.Context) context.Context {
	return c.session.Context(parent)
}

// Subprotocol returns the negotiated subprotocol, or "" for the default one.
func (c *Conn) Subprotocol() string { return c.ws.Subprotocol() }

// SetReadLimit sets the maximum size of a message in bytes; -1 means no limit. The default is
// 32,768. A longer message closes the connection with StatusMessageTooBig.
func (c *Conn) SetReadLimit(n int64) { c.ws.SetReadLimit(n) }

// Read reads one message, with the span read. When ctx ends, the connection is
// closed.
func (c *Conn) Read(ctx context.Context) (MessageType, []byte, error) {
	r := c.session.BeginRead(ctx)
	typ, p, err := c.ws.Read(ctx)
	r.End(int(typ), int64(len(p)), err)
	return typ, p, err
}

// Reader waits for a message and returns a reader of it. The span read ends when that reader
// has returned the whole message (a compressed one: when it returns io.EOF) or an error, when
// the next read begins, or when the connection closes. When ctx ends, the connection is
// closed.
func (c *Conn) Reader(ctx context.Context) (MessageType, io.Reader, error) {
	r := c.session.BeginRead(ctx)
	typ, rd, err := c.ws.Reader(ctx)
	if err != nil {
		r.End(int(typ), 0, err)
		return typ, rd, err
	}
	return typ, r.Reader(int(typ), rd), nil
}

// Write writes one message, with the span write. While another goroutine is writing a message
// it waits, in a block of reason write.lock whose wake links to that goroutine's write. When
// ctx ends, the connection is closed.
func (c *Conn) Write(ctx context.Context, typ MessageType, p []byte) error {
	w := c.session.BeginWrite(ctx, int(typ))
	err := c.ws.Write(ctx, typ, p)
	w.End(int64(len(p)), err)
	return err
}

// Writer returns a writer of one message, and waits like Write while another one is being
// written. The span write ends when the writer is closed or fails, or when the connection
// closes. When ctx ends, the connection is closed.
func (c *Conn) Writer(ctx context.Context, typ MessageType) (io.WriteCloser, error) {
	w := c.session.BeginWrite(ctx, int(typ))
	wc, err := c.ws.Writer(ctx, typ)
	if err != nil {
		w.End(0, err)
		return wc, err
	}
	return w.Writer(wc), nil
}

// Ping sends a ping and waits for its pong, with the span ping; a concurrent
// Reader or CloseRead must read it.
func (c *Conn) Ping(ctx context.Context) error {
	p := c.session.BeginPing(ctx)
	err := c.ws.Ping(p.Context(ctx))
	p.End(err)
	return err
}

// CloseRead reads from the connection in the background, and answers pings and the peer's
// close, until the connection is closed. A message closes it with StatusPolicyViolation. The
// returned context ends with the connection. CloseRead has no span, since it may last for
// days; the pongs that it writes and the close that it reads have spans.
func (c *Conn) CloseRead(ctx context.Context) context.Context {
	c.session.CloseRead(ctx)
	return c.ws.CloseRead(ctx)
}

// Close performs the closing handshake with the given status and reason, for at most ten
// seconds. The first close of a connection that is not closed yet has a span close, which is
// a child of [Handler]'s goroutine, or else of the handshake.
func (c *Conn) Close(code StatusCode, reason string) error {
	cl := c.session.BeginClose()
	err := c.ws.Close(code, reason)
	cl.End(err)
	return err
}

// CloseNow closes the connection without a closing handshake, with the span
// close.
func (c *Conn) CloseNow() error {
	cl := c.session.BeginCloseNow()
	err := c.ws.CloseNow()
	cl.End(err)
	return err
}
