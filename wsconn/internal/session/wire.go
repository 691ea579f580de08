package session

import (
	"io"
	"net"
	"sync"

	"github.com/wakechain/wakechain/trace/netpoll"
	"github.com/wakechain/wakechain/wsconn/internal/frame"
)

// wire is the connection as the library sees it: it hands the bytes on, and
// tells from the frames among them which operation is on the wire.
type wire struct {
	io.ReadWriteCloser
	s     *Session
	early []byte // read together with the handshake, before the library
	once  sync.Once
}

// wireConn is the wire of a server, whose addresses the library may ask for.
type wireConn struct {
	net.Conn
	wire *wire
}

func (c *wireConn) Read(p []byte) (int, error)  { return c.wire.Read(p) }
func (c *wireConn) Write(p []byte) (int, error) { return c.wire.Write(p) }
func (c *wireConn) Close() error                { return c.wire.Close() }

// attach makes the wire over rwc, whose blocks are reported by conn.
func (s *Session) attach(rwc io.ReadWriteCloser, conn *netpoll.Conn, early []byte) *wire {
	s.conn = conn
	return &wire{ReadWriteCloser: rwc, s: s, early: early}
}

// Read reads for whoever reads messages. The library has one reader at a time.
func (w *wire) Read(p []byte) (n int, err error) {
	op := w.s.reading()
	if len(w.early) > 0 {
		n = copy(p, w.early)
		w.early = w.early[n:]
	} else {
		w.early = nil
		w.s.conn.ObserveRead(op)
		n, err = w.ReadWriteCloser.Read(p)
		w.s.conn.ObserveRead(nil)
	}
	w.s.arrived(p[:n], err)
	w.s.received(n)
	return n, err
}

// Write writes for the operation whose frame p ends with: a frame that p begins
// with may have been left in the library's buffer by another goroutine. The
// library has one writer at a time.
func (w *wire) Write(p []byte) (int, error) {
	w.s.conn.ObserveWrite(w.s.leaving(p))
	n, err := w.ReadWriteCloser.Write(p)
	w.s.conn.ObserveWrite(nil) // TLS may write by itself
	w.s.left(err)
	w.s.transmitted(n, err)
	return n, err
}

// Close ends the connection, whoever ends it: every way of closing leads here.
func (w *wire) Close() error {
	w.once.Do(w.s.ended)
	return w.ReadWriteCloser.Close()
}

// control gathers the payload of a control frame.
type control struct {
	buf [frame.MaxControlPayload]byte
	n   int
}

// add returns the payload so far, all of it once g ends the frame.
func (c *control) add(g frame.Segment) (payload []byte, complete bool) {
	if g.Begin {
		c.n = 0
	}
	c.n = len(g.AppendPayload(c.buf[:c.n]))
	return c.buf[:c.n], g.End
}
