package gobwasws

import (
	"context"
	"net"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"github.com/wakechain/wakechain/wsconn/internal/session"
)

// Conn is a connection whose operations have spans. One goroutine reads and one writes;
// any may call Close.
type Conn struct {
	nc      net.Conn // the wire
	session *session.Session
	state   ws.State
	ctx     context.Context // of WithContext, or nil
}

// WithContext returns the same connection for calls whose spans are children of the
// span in ctx; see gorillaws.Conn.WithContext.
func (c *Conn) WithContext(ctx context.Context) *Conn {
	return &Conn{nc: c.nc, session: c.session, state: c.state, ctx: ctx}
}

// Context returns a copy of parent that carries the connection's tracer and, if parent
// carries no span, the handshake's span context.
func (c *Conn) Context(parent context.Context) context.Context { return c.session.Context(parent) }

func (c *Conn) context() context.Context {
	if c.ctx != nil {
		return c.ctx
	}
	return c.session.BaseContext()
}

// NetConn returns the connection below, for deadlines.
func (c *Conn) NetConn() net.Conn { return session.Bare(c.nc) }

// ReadMessage is wsutil.ReadData: it reads one message, and answers pings and the
// peer's close, with the span read.
func (c *Conn) ReadMessage() ([]byte, ws.OpCode, error) {
	r := c.session.BeginRead(c.context())
	p, op, err := wsutil.ReadData(c.nc, c.state)
	r.End(int(op), int64(len(p)), err)
	return p, op, err
}

// WriteMessage is wsutil.WriteMessage: it writes one message, with the span write.
func (c *Conn) WriteMessage(op ws.OpCode, p []byte) error {
	w := c.session.BeginWrite(c.context(), int(op))
	defer w.EndPanicked()
	err := wsutil.WriteMessage(c.nc, c.state, op, p)
	w.End(int64(len(p)), err)
	return err
}

// WriteControl writes a control frame, with the span ping, pong, or write for a close.
func (c *Conn) WriteControl(op ws.OpCode, payload []byte) error {
	ctl := c.session.BeginControl(c.context(), int(op), payload)
	err := wsutil.WriteMessage(c.nc, c.state, op, payload)
	ctl.End(err)
	return err
}

// Close closes the connection below, with the span close.
func (c *Conn) Close() error {
	cl := c.session.BeginCloseNow()
	err := c.nc.Close()
	cl.End(err)
	return err
}
