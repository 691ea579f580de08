package gorillaws

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/gorilla/websocket"

	"github.com/wakechain/wakechain/wsconn/internal/session"
)

// Conn is a websocket.Conn whose operations have spans. Its methods return what the
// library's return, and have its documentation and its rules for concurrency: one
// goroutine reads and one writes, and Close, WriteControl and WithContext may be
// called by any.
type Conn struct {
	ws      *websocket.Conn
	session *session.Session
	ctx     context.Context // of WithContext, or nil
	request *http.Request
}

// Request returns the request that [Handler] has upgraded, for its path values, cookies
// and context values; nil for any other connection. Its body is not to be used.
func (c *Conn) Request() *http.Request { return c.request }

func newConn(ws *websocket.Conn, s *session.Session) *Conn { return &Conn{ws: ws, session: s} }

// Unwrap returns the library's connection. What is done on it directly has no spans.
func (c *Conn) Unwrap() *websocket.Conn { return c.ws }

// Context returns a copy of parent that carries the connection's tracer and, where
// parent carries no span, the span context of its handshake: so that a goroutine
// started with it by trace.Go belongs to the connection's trace.
func (c *Conn) Context(parent context.Context) context.Context { return c.session.Context(parent) }

// WithContext returns the same connection for calls that belong to ctx: their spans
// are children of the span in ctx. Those of a Conn without a context are children of
// [Handler]'s goroutine, or else of the handshake. The end of ctx ends nothing, as the
// library knows no contexts; its deadlines are SetReadDeadline and SetWriteDeadline.
// A nil ctx is none. It costs an allocation, and changes nothing for c.
func (c *Conn) WithContext(ctx context.Context) *Conn {
	return &Conn{ws: c.ws, session: c.session, ctx: ctx}
}

// context is where an operation belongs.
func (c *Conn) context() context.Context {
	if c.ctx != nil {
		return c.ctx
	}
	return c.session.BaseContext()
}

// Subprotocol returns the negotiated subprotocol.
func (c *Conn) Subprotocol() string { return c.ws.Subprotocol() }

// LocalAddr returns the local network address.
func (c *Conn) LocalAddr() net.Addr { return c.ws.LocalAddr() }

// RemoteAddr returns the remote network address.
func (c *Conn) RemoteAddr() net.Addr { return c.ws.RemoteAddr() }

// NetConn returns the connection below, which is the one that the bare library would
// have. What is done on it has no spans; a read or a write corrupts the WebSocket
// connection.
func (c *Conn) NetConn() net.Conn { return session.Bare(c.ws.NetConn()) }

// UnderlyingConn is NetConn.
//
// Deprecated: use [Conn.NetConn].
func (c *Conn) UnderlyingConn() net.Conn { return c.NetConn() }

// NextReader waits for a message and returns a reader of it. The span read lasts until
// that reader has returned the whole message (of a compressed one, until it returns
// io.EOF) or an error, but not beyond the next read or the connection's end.
func (c *Conn) NextReader() (messageType int, r io.Reader, err error) {
	read := c.session.BeginRead(c.context())
	messageType, r, err = c.ws.NextReader()
	if err != nil {
		read.End(messageType, 0, err)
		return messageType, r, err
	}
	return messageType, read.Reader(messageType, r), nil
}

// ReadMessage reads one message, with the span read.
func (c *Conn) ReadMessage() (messageType int, p []byte, err error) {
	read := c.session.BeginRead(c.context())
	messageType, p, err = c.ws.ReadMessage()
	read.End(messageType, int64(len(p)), err)
	return messageType, p, err
}

// ReadJSON reads one message into v, with the span read.
func (c *Conn) ReadJSON(v any) error {
	read := c.session.BeginRead(c.context())
	typ, r, err := c.ws.NextReader()
	if err != nil {
		read.End(typ, 0, err)
		return err
	}
	counted := counter{r: r}
	err = json.NewDecoder(&counted).Decode(v)
	if err == io.EOF { //nolint:errorlint // as the library does
		err = io.ErrUnexpectedEOF // a message has a value
	}
	read.End(typ, counted.n, err)
	return err
}

// counter counts what is read from r or written to w.
type counter struct {
	r io.Reader
	w io.Writer
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// NextWriter returns a writer of one message. The span write lasts until the writer is
// closed or fails, which the next write does to one that was left open, but not
// beyond the connection's end. Of a control message it is as in [Conn.WriteControl].
func (c *Conn) NextWriter(messageType int) (io.WriteCloser, error) {
	w := c.session.BeginWrite(c.context(), messageType)
	defer w.EndPanicked()
	wc, err := c.ws.NextWriter(messageType)
	if err != nil {
		w.End(0, err)
		return wc, err
	}
	return w.Writer(wc), nil
}

// WriteMessage writes one message, with the span write.
//
// As in the library, the program must not write messages concurrently: where the
// library panics for it, so does this, and both writes have spans that link to each
// other and say where each began.
func (c *Conn) WriteMessage(messageType int, data []byte) error {
	w := c.session.BeginWrite(c.context(), messageType)
	defer w.EndPanicked()
	err := c.ws.WriteMessage(messageType, data)
	w.End(int64(len(data)), err)
	return err
}

// WriteJSON writes the JSON of v as one message, with the span write.
func (c *Conn) WriteJSON(v any) error {
	w := c.session.BeginWrite(c.context(), TextMessage)
	defer w.EndPanicked()
	wc, err := c.ws.NextWriter(TextMessage)
	if err != nil {
		w.End(0, err)
		return err
	}
	counted := counter{w: wc}
	err1 := json.NewEncoder(&counted).Encode(v)
	err2 := wc.Close()
	if err1 == nil {
		err1 = err2
	}
	w.End(counted.n, err1)
	return err1
}

// WritePreparedMessage writes a prepared message, with the span write.
func (c *Conn) WritePreparedMessage(pm *PreparedMessage) error {
	w := c.session.BeginWrite(c.context(), 0)
	defer w.EndPanicked()
	err := c.ws.WritePreparedMessage(pm)
	w.End(-1, err)
	return err
}

// WriteControl writes a control message by deadline. The span is ping, pong, or write
// for a close message; that of a pong is a child of the read that received the ping,
// if it is written by the handler. It may be called concurrently with all methods.
func (c *Conn) WriteControl(messageType int, data []byte, deadline time.Time) error {
	ctl := c.session.BeginControl(c.context(), messageType, data)
	err := c.ws.WriteControl(messageType, data, deadline)
	ctl.End(err)
	return err
}

// Close closes the connection below without a close message, with the span close. It
// says how the connection ended: with which close messages, if there were any.
func (c *Conn) Close() error {
	cl := c.session.BeginCloseNow()
	err := c.ws.Close()
	cl.End(err)
	return err
}

// SetReadDeadline sets when reads fail; the zero time is never. A read that has timed
// out breaks the connection.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.ws.SetReadDeadline(t) }

// SetWriteDeadline sets when the writes of messages that begin from now on fail; the
// zero time is never. A write that has timed out breaks the connection.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.ws.SetWriteDeadline(t) }

// SetReadLimit sets the most bytes that a message may have; 0 is no limit, which is
// the default. A longer one fails with ErrReadLimit, and a close message says why.
func (c *Conn) SetReadLimit(limit int64) { c.ws.SetReadLimit(limit) }

// EnableWriteCompression switches the compression of the next messages, if it was
// negotiated.
func (c *Conn) EnableWriteCompression(enable bool) { c.ws.EnableWriteCompression(enable) }

// SetCompressionLevel sets the level of package compress/flate for the next messages.
func (c *Conn) SetCompressionLevel(level int) error { return c.ws.SetCompressionLevel(level) }

// CloseHandler returns the handler of the peer's close message.
func (c *Conn) CloseHandler() func(code int, text string) error { return c.ws.CloseHandler() }

// SetCloseHandler sets the handler of the peer's close message. Reads call it; nil is
// the library's, which sends a close message back.
func (c *Conn) SetCloseHandler(h func(code int, text string) error) { c.ws.SetCloseHandler(h) }

// PingHandler returns the handler of pings.
func (c *Conn) PingHandler() func(appData string) error { return c.ws.PingHandler() }

// SetPingHandler sets the handler of pings. Reads call it; nil is the library's, which
// sends a pong within a second, or none.
func (c *Conn) SetPingHandler(h func(appData string) error) { c.ws.SetPingHandler(h) }

// PongHandler returns the handler of pongs.
func (c *Conn) PongHandler() func(appData string) error { return c.ws.PongHandler() }

// SetPongHandler sets the handler of pongs. Reads call it; nil is the library's, which
// does nothing.
func (c *Conn) SetPongHandler(h func(appData string) error) { c.ws.SetPongHandler(h) }
