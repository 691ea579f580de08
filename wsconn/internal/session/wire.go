package session

import (
	"io"
	"net"
	"sync"
	"time"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/netpoll"
	"github.com/wakechain/wakechain/wsconn/internal/frame"
	"github.com/wakechain/wakechain/wsconn/internal/tracepong"
)

// wire is the connection as the library sees it. It passes the bytes on, and finds from
// the frames in them which operation sends or receives. It inserts and strips trace
// pongs.
type wire struct {
	io.ReadWriteCloser
	s     *Session
	early []byte // received together with the handshake
	once  sync.Once

	opening *opening // nil: frames pass
	vector  vector
	sending sync.Mutex // serialises the writes of a library with LooseFrames

	deadline deadline // of writes

	spare [2 * tracepong.MaxHeld]byte // if the library's buffer is too small
	ready []byte                      // the part of spare that is for the library
}

// wireConn is a wire with the addresses of its connection.
type wireConn struct {
	net.Conn
	wire *wire
}

func (c *wireConn) Read(p []byte) (int, error)  { return c.wire.Read(p) }
func (c *wireConn) Write(p []byte) (int, error) { return c.wire.Write(p) }
func (c *wireConn) Close() error                { return c.wire.Close() }

func (c *wireConn) SetDeadline(t time.Time) error {
	c.wire.deadline.set(t)
	return c.Conn.SetDeadline(t)
}

func (c *wireConn) SetWriteDeadline(t time.Time) error {
	c.wire.deadline.set(t)
	return c.Conn.SetWriteDeadline(t)
}

// unlinked is the conn of a server that records nothing. It only strips trace pongs.
type unlinked struct {
	net.Conn
	wire *wire
}

func (c unlinked) Read(p []byte) (int, error) { return c.wire.Read(p) }

// attach makes the wire over rwc; conn reports its blocks.
func (s *Session) attach(rwc io.ReadWriteCloser, conn *netpoll.Conn, early []byte) *wire {
	s.conn = conn
	w := &wire{ReadWriteCloser: rwc, s: s, early: early}
	if s.lib != nil && s.lib.WholeFrames {
		w.vector.conn = vectored(rwc)
	}
	s.wire = w
	return w
}

// Read receives for the current operation. The library has one reader at a time. If
// only trace pongs were received, it reads on.
func (w *wire) Read(p []byte) (n int, err error) {
	switch o := w.opening; {
	case len(p) == 0:
		return w.ReadWriteCloser.Read(p)
	case o != nil && o.dial != nil:
		var over bool
		if n, w.early, over, err = o.read(w.ReadWriteCloser, p); over {
			w.opening = nil
		}
		return n, err
	}
	for n == 0 && err == nil {
		switch {
		case len(w.ready) > 0:
			n = copy(p, w.ready)
			w.ready = w.ready[n:]
		case len(p) > w.s.in.frames.Held():
			n, err = w.chunk(p)
		default:
			if n, err = w.chunk(w.spare[:]); n > 0 {
				w.ready, n, err = w.spare[:n], 0, nil // the next read returns an error again
			}
		}
	}
	return n, err
}

// chunk reads the next bytes into buf, which is larger than what is held back.
func (w *wire) chunk(buf []byte) (int, error) {
	op, held := w.s.beginReceive(), w.s.in.frames.Held()
	received, err := w.read(op, buf[held:])
	n := w.s.endReceive(op, buf[:held+received], err)
	return n, err
}

// read reads the next chunk.
func (w *wire) read(op trace.Op, p []byte) (n int, err error) {
	if len(w.early) > 0 {
		n = copy(p, w.early)
		w.early = w.early[n:]
		return n, nil
	}
	w.early = nil
	w.s.observeRead(op)
	n, err = w.ReadWriteCloser.Read(p)
	w.s.unobserveRead(op)
	return n, err
}

// Write writes for the operation whose frame p ends with: p may begin with a frame that
// another goroutine left in the library's buffer. A library with [Library.LooseFrames]
// may have several writers, which take turns here.
func (w *wire) Write(p []byte) (n int, err error) {
	if w.opening != nil {
		return w.opening.write(w.ReadWriteCloser, p)
	}
	if w.s.lib.LooseFrames {
		w.sending.Lock()
		defer w.sending.Unlock()
	}
	op := w.s.beginSend(p)
	all := 0 // with what was held
	switch m := &w.s.out.mark; {
	case w.holds():
		w.vector.hold(p, *m, w.s.pongs.client)
		return len(p), nil
	case w.vector.held > 0:
		w.s.observeWrite(op)
		n, all, err = w.vector.write(p)
		w.s.unobserveWrite(op)
	default:
		w.s.observeWrite(op)
		if m.set {
			n, err = writeWithPong(w.ReadWriteCloser, p, m.at, m.pong, w.s.pongs.client)
		} else {
			n, err = w.ReadWriteCloser.Write(p)
		}
		w.s.unobserveWrite(op)
		all = n
	}
	w.s.endSend(all, err)
	return n, err
}

// Close closes the connection. Every way of closing it ends here.
func (w *wire) Close() error {
	w.once.Do(w.s.closed)
	return w.ReadWriteCloser.Close()
}

// controlPayload gathers the payload of a control frame.
type controlPayload struct {
	buf []byte // nil before the first control frame
}

// add returns the payload so far; complete: g ends the frame.
func (c *controlPayload) add(g *frame.Segment) (payload []byte, complete bool) {
	if g.Begin {
		c.buf = c.buf[:0]
	}
	c.buf = g.AppendPayload(c.buf)
	return c.buf, g.End
}
