package session

import (
	"io"
	"net"
	"sync"

	"github.com/wakechain/wakechain/trace"
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

// wireConn is the wire of a server, whose address the library may ask for.
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
	if len(w.early) > 0 {
		n = copy(p, w.early)
		w.early = w.early[n:]
	} else {
		w.s.conn.ObserveRead(w.s.reader())
		n, err = w.ReadWriteCloser.Read(p)
	}
	w.s.arrived(p[:n], err)
	return n, err
}

// Write writes for the operation whose frame p ends with: a frame that p begins
// with may have been left in the library's buffer by another goroutine. The
// library has one writer at a time.
func (w *wire) Write(p []byte) (int, error) {
	op := w.s.leaving(p)
	w.s.conn.ObserveWrite(op)
	n, err := w.ReadWriteCloser.Write(p)
	w.s.left(op, err)
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

// add returns the payload once g ends the frame.
func (c *control) add(g frame.Segment) (payload []byte, complete bool) {
	if g.Begin {
		c.n = 0
	}
	c.n = len(g.AppendPayload(c.buf[:c.n]))
	return c.buf[:c.n], g.End
}

// inbound is the peer's direction.
type inbound struct {
	scan    frame.Scanner
	control control
	message message // in progress
	reader  *trace.Op
	index   int // of the last message that the program read

	// waiting are the messages that arrived whole, from first on, and that the
	// program has not read: what the library's buffer holds, at the most.
	waiting []message
	first   int
}

func (in *inbound) arrived() {
	in.waiting = append(in.waiting, in.message)
	in.message = message{}
}

// next returns the message that the program has just read.
func (in *inbound) next() (m message) {
	if in.first < len(in.waiting) {
		m = in.waiting[in.first]
		in.first++
	}
	if in.first == len(in.waiting) {
		in.waiting, in.first = in.waiting[:0], 0
	}
	return m
}

// reader returns the operation that reads now: a read, or else a close, which
// reads until the peer's close frame.
func (s *Session) reader() *trace.Op {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.in.reader != nil {
		return s.in.reader
	}
	return s.close.op
}

// arrived scans what came from the peer.
func (s *Session) arrived(p []byte, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.close.failed(err)
	in := &s.in
	for len(p) > 0 {
		g, n := in.scan.Next(p)
		p = p[n:]
		switch {
		case g.Stop:
			in.reader.SetAttributes(trace.WebSocketFrameErrorKey.String(in.scan.Err().Error()))
		case in.scan.Err() != nil:
		case !g.Header.Opcode.IsControl():
			in.message.add(g)
			if g.End && g.Header.Fin {
				in.arrived()
			}
		default:
			payload, complete := in.control.add(g)
			if !complete {
				break
			}
			switch g.Header.Opcode {
			case frame.Pong:
				s.out.answered(payload, in.reader.SpanContext())
			case frame.Close:
				s.close.received(payload)
			}
		}
	}
}

// outbound is this side's direction.
type outbound struct {
	scan    frame.Scanner
	control control
	message message        // in progress
	writer  *trace.Op      // the write in progress
	index   int            // of the last message written
	pings   []*Ping        // in progress
	pong    *trace.Op      // being written by the library
	stream  *messageWriter // open
}

// leaving scans what is about to be written, and returns whose it is.
func (s *Session) leaving(p []byte) *trace.Op {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := &s.out
	op := out.writer
	for len(p) > 0 {
		g, n := out.scan.Next(p)
		p = p[n:]
		if out.scan.Err() != nil {
			break // no library writes such a frame; count no more
		}
		if !g.Header.Opcode.IsControl() {
			op = out.writer
			out.message.add(g)
			continue
		}
		payload, complete := out.control.add(g)
		switch g.Header.Opcode {
		case frame.Ping:
			op = out.pinging(payload, complete)
		case frame.Pong:
			if g.Begin {
				out.pong = s.start(s.in.reader.Context(), trace.SpanPong)
			}
			op = out.pong
		case frame.Close:
			op = s.close.op
			if op == nil {
				op = s.in.reader // the library's own, over an error or as the answer
			}
			if complete {
				s.close.sent(payload)
			}
		}
	}
	return op
}

// left is called when the bytes that leaving announced have been written.
func (s *Session) left(op *trace.Op, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.close.failed(err)
	s.out.pinged()
	if op != nil && op == s.out.pong {
		s.end(op, err)
		s.out.pong = nil
	}
}
