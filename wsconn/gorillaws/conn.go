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

// Conn is a websocket.Conn whose operations have spans. Its methods return the
// library's results, and follow its documentation and its rules for concurrency: one
// goroutine reads and one writes, and any may call Close, WriteControl and WithContext.
type Conn struct {
	ws      *websocket.Conn
	session *session.Session
	ctx     context.Context // of WithContext, or nil
	request *http.Request
}

// Request returns the request that [Handler] has upgraded, for its path values, cookies
// and context values; nil for any other connection. Its body must not be used.
func (c *Conn) Request() *http.Request { return c.request }

func newConn(ws *websocket.Conn, s *session.Session) *Conn { return &Conn{ws: ws, session: s} }

// Unwrap returns the library's connection. Calls on that have no spans.
func (c *Conn) Unwrap() *websocket.Conn { return c.ws }

// Context returns a copy of parent that carries the connection's tracer and, if parent
// carries no span, the handshake's span context. A goroutine that trace.Go starts with
// it belongs to the connection's trace.
func (c *Conn) Context(parent context.Context) context.Context { return c.session.Context(parent) }

// WithContext returns the same connection for calls that belong to ctx: their spans are
// children of the span in ctx. Those of a Conn without a context are children of
// [Handler]'s goroutine, or else of the handshake. The end of ctx cancels nothing,
// since the library has no contexts; it has SetReadDeadline and SetWriteDeadline. A nil
// ctx means no context. It costs an allocation, and does not change c.
func (c *Conn) WithContext(ctx context.Context) *Conn {
	return &Conn{ws: c.ws, session: c.session, ctx: ctx}
}

// context returns the context of an operation.
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

// NetConn returns the connection below, the same as without this package. Calls on it
// have no spans; a read or a write corrupts the WebSocket connection.
func (c *Conn) NetConn() net.Conn { return session.Bare(c.ws.NetConn()) }

// UnderlyingConn is NetConn.
//
// Deprecated: use [Conn.NetConn].
func (c *Conn) UnderlyingConn() net.Conn { return c.NetConn() }

// NextReader waits for a message and returns a reader of it. The span read ends when
// that reader has returned the whole message (a compressed one: when it returns io.EOF)
// or an error, when the next read begins, or when the connection closes.
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
		err = io.ErrUnexpectedEOF // an empty message has no value
	}
	read.End(typ, counted.n, err)
	return err
}

// counter counts the bytes read from r or written to w.
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

// NextWriter returns a writer of one message. The span write ends when the writer is
// closed or fails, or when the connection closes. The next write closes a writer that
// was left open. A control message has the span of [Conn.WriteControl].
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
// As with the library, the program must not write messages concurrently. If the library
// panics because of it, so does this; then the spans of both writes link to each other
// and state where each began.
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
// for a close message. A pong that the ping handler writes is a child of the read that
// received the ping. It may be called concurrently with all methods.
func (c *Conn) WriteControl(messageType int, data []byte, deadline time.Time) error {
	ctl := c.session.BeginControl(c.context(), messageType, data)
	err := c.ws.WriteControl(messageType, data, deadline)
	ctl.End(err)
	return err
}

// Close closes the connection below without a close message. The span close states how
// the connection ended, and with which close messages, if any.
func (c *Conn) Close() error {
	cl := c.session.BeginCloseNow()
	err := c.ws.Close()
	cl.End(err)
	return err
}

// SetReadDeadline sets when reads fail; the zero time means never. A read that times
// out breaks the connection.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.ws.SetReadDeadline(t) }

// SetWriteDeadline sets when writes of messages that begin from now on fail; the zero
// time means never. A write that times out breaks the connection.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.ws.SetWriteDeadline(t) }

// SetReadLimit sets the maximum size of a message in bytes; 0, the default, means no
// limit. A longer message fails with ErrReadLimit, and the peer receives a close
// message.
func (c *Conn) SetReadLimit(limit int64) { c.ws.SetReadLimit(limit) }

// EnableWriteCompression switches compression of the following messages on or off, if
// it was negotiated.
func (c *Conn) EnableWriteCompression(enable bool) { c.ws.EnableWriteCompression(enable) }

// SetCompressionLevel sets the compress/flate level of the following messages.
func (c *Conn) SetCompressionLevel(level int) error { return c.ws.SetCompressionLevel(level) }

// CloseHandler returns the handler of the peer's close message.
func (c *Conn) CloseHandler() func(code int, text string) error { return c.ws.CloseHandler() }

// SetCloseHandler sets the handler of the peer's close message. Reads call it; nil
// stands for the library's, which sends a close message back.
func (c *Conn) SetCloseHandler(h func(code int, text string) error) { c.ws.SetCloseHandler(h) }

// PingHandler returns the handler of pings.
func (c *Conn) PingHandler() func(appData string) error { return c.ws.PingHandler() }

// SetPingHandler sets the handler of pings. Reads call it; nil stands for the
// library's, which sends a pong, unless that takes more than a second.
func (c *Conn) SetPingHandler(h func(appData string) error) { c.ws.SetPingHandler(h) }

// PongHandler returns the handler of pongs.
func (c *Conn) PongHandler() func(appData string) error { return c.ws.PongHandler() }

// SetPongHandler sets the handler of pongs. Reads call it; nil stands for the
// library's, which does nothing.
func (c *Conn) SetPongHandler(h func(appData string) error) { c.ws.SetPongHandler(h) }
