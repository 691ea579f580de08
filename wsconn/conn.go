package wsconn

import (
	"context"
	"io"
	"net/http"

	"nhooyr.io/websocket"

	"github.com/wakechain/wakechain/wsconn/internal/session"
)

// Conn is a websocket.Conn whose operations have spans. Its methods may be
// called concurrently but for Reader and Read, return what the library's
// return, and have its documentation; see it there.
type Conn struct {
	ws      *websocket.Conn
	session *session.Session
	request *http.Request
}

// Request returns the request that [Handler] has accepted, for its path values, cookies
// and context values; nil for a connection of [Dial] or [Accept]. Its body is not to be
// used.
func (c *Conn) Request() *http.Request { return c.request }

// Unwrap returns the library's connection. What is done on it directly has no
// spans.
func (c *Conn) Unwrap() *websocket.Conn { return c.ws }

// Context returns a copy of parent that carries the connection's tracer and,
// where parent carries no span, the span context of its handshake: so that a
// goroutine started with it by trace.Go belongs to the connection's trace.
func (c *Conn) Context(parent context.Context) context.Context {
	return c.session.Context(parent)
}

// Subprotocol returns the negotiated subprotocol, or "" for the default one.
func (c *Conn) Subprotocol() string { return c.ws.Subprotocol() }

// SetReadLimit sets the most bytes that a message may have; -1 is no limit. The
// default is 32,768. A longer one closes the connection with
// StatusMessageTooBig.
func (c *Conn) SetReadLimit(n int64) { c.ws.SetReadLimit(n) }

// Read reads one message, with the span read. When ctx ends, the connection is
// closed.
func (c *Conn) Read(ctx context.Context) (MessageType, []byte, error) {
	r := c.session.BeginRead(ctx)
	typ, p, err := c.ws.Read(ctx)
	r.End(int(typ), int64(len(p)), err)
	return typ, p, err
}

// Reader waits for a message and returns a reader of it. The span read lasts
// until that reader has returned the whole message (of a compressed one, until
// it returns io.EOF) or an error, but not beyond the next read or the
// connection's end. When ctx ends, the connection is closed.
func (c *Conn) Reader(ctx context.Context) (MessageType, io.Reader, error) {
	r := c.session.BeginRead(ctx)
	typ, rd, err := c.ws.Reader(ctx)
	if err != nil {
		r.End(int(typ), 0, err)
		return typ, rd, err
	}
	return typ, r.Reader(int(typ), rd), nil
}

// Write writes one message, with the span write. Where another goroutine is
// writing a message it waits for it, in a block of reason write.lock whose wake
// links to that goroutine's write. When ctx ends, the connection is closed.
func (c *Conn) Write(ctx context.Context, typ MessageType, p []byte) error {
	w := c.session.BeginWrite(ctx, int(typ))
	err := c.ws.Write(ctx, typ, p)
	w.End(int64(len(p)), err)
	return err
}

// Writer returns a writer of one message, and waits for another one that is
// being written as Write does. The span write lasts until the writer is closed
// or fails, but not beyond the connection's end. When ctx ends, the connection
// is closed.
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

// CloseRead reads from the connection in the background, and answers pings and
// the peer's close, until it is closed or a message arrives, which closes it
// with StatusPolicyViolation. It returns a context that ends with the
// connection. It has no span of its own, since it may last for days; the pongs
// that it writes and the close that it reads have theirs.
func (c *Conn) CloseRead(ctx context.Context) context.Context {
	c.session.CloseRead(ctx)
	return c.ws.CloseRead(ctx)
}

// Close performs the closing handshake with the given status and reason, for
// at most ten seconds, with the span close. The first close of a connection
// that is not closed yet has one; it is a child of [Handler]'s goroutine, or
// else of the handshake.
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
