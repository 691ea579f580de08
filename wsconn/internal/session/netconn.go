package session

import (
	"context"
	"net"
	"time"
)

// NetConn returns nc with a span for each call. nc is the library's net.Conn over the
// connection, made with ctx for messages of the given type. It returns nc itself if
// nothing is recorded.
func (s *Session) NetConn(ctx context.Context, nc net.Conn, messageType int) net.Conn {
	if s.off {
		return nc
	}
	return &netConn{nc, s, ctx, messageType}
}

type netConn struct {
	net.Conn
	s   *Session
	ctx context.Context
	typ int
}

func (c *netConn) Read(p []byte) (int, error) {
	r := c.s.BeginRead(c.ctx)
	n, err := c.Conn.Read(p)
	r.EndPart(c.typ, int64(n), err)
	return n, err
}

func (c *netConn) Write(p []byte) (int, error) {
	w := c.s.BeginWrite(c.ctx, c.typ)
	n, err := c.Conn.Write(p)
	w.End(int64(len(p)), err)
	return n, err
}

func (c *netConn) Close() error {
	cl := c.s.beginClose(c.ctx, true)
	err := c.Conn.Close()
	cl.End(err)
	return err
}

func (c *netConn) SetDeadline(t time.Time) error {
	c.s.deadlines(&t, &t)
	return c.Conn.SetDeadline(t)
}

func (c *netConn) SetReadDeadline(t time.Time) error {
	c.s.deadlines(&t, nil)
	return c.Conn.SetReadDeadline(t)
}

func (c *netConn) SetWriteDeadline(t time.Time) error {
	c.s.deadlines(nil, &t)
	return c.Conn.SetWriteDeadline(t)
}

// deadlines notes the deadlines that are not nil. The library closes the connection
// when one passes during a call.
func (s *Session) deadlines(read, write *time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if read != nil {
		s.closing.readBy = *read
	}
	if write != nil {
		s.closing.writeBy = *write
	}
}
