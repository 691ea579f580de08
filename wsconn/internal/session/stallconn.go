package session

import (
	"net"
	"sync"
	"sync/atomic"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace/netpoll"
	"github.com/wakechain/wakechain/wsconn/internal/frame"
	"github.com/wakechain/wakechain/wsconn/internal/tracepong"
)

// stallConn is the connection of an unsampled session whose stalls are reported, as the
// library or the wire sees it. It is above TLS, and scans frames. conn, below TLS,
// reports the parks.
//
// A message costs a look at each frame header and eight bytes in a ring. The clock is
// read only when a write parks, or a read in the middle of a message.
type stallConn struct {
	net.Conn
	st    *stalls
	conn  *netpoll.Conn
	early []byte // received together with the handshake

	opening *opening // nil: frames pass

	in, out     history
	read, write parkWatch
	watching    bool // parks of reads are reported
	server      bool
	links       bool        // the peer's trace pongs are stripped
	send        bool        // the peer strips those of this side
	several     bool        // the library may write from several goroutines
	scanning    sync.Mutex  // held while out is scanned, if several
	closed      atomic.Bool // by this side

	// flag is the span of a reported stall, to name to the peer; nil: none.
	flag atomic.Pointer[oteltrace.SpanContext]

	readEnd int64 // when the last read or the handshake returned, on the coarse clock
	away    *away // nil: there was none

	strip *stripper // nil: no pong was received
	joins *vector   // nil: parts are written individually
}

// away is a time in which the library did not read: the last one, or a longer one just
// before it.
type away struct {
	from, to int64       // on the coarse clock
	rings    [2][]uint64 // at its end, by direction
}

// stripper removes trace pongs.
type stripper struct {
	tracepong.Stream
	inside bool // the next bytes are in or before a pong
	spare  [2 * tracepong.MaxHeld]byte
	ready  []byte
}

// attach makes the stallConn over nc; conn reports its parks.
func (st *stalls) attach(nc net.Conn, conn *netpoll.Conn, early []byte, links bool) *stallConn {
	c := &stallConn{Conn: nc, st: st, conn: conn, early: early, server: st.server, links: links}
	rings := make([]atomic.Uint64, 2*st.history)
	c.in.ring, c.out.ring = rings[:st.history:st.history], rings[st.history:]
	c.read.c, c.write.c, c.write.writes = c, c, true
	if st.lib != nil {
		c.several = st.lib.ConcurrentWriters && !st.lib.WholeFrames
		if st.lib.WholeFrames {
			if below := vectored(nc); below != nil {
				c.joins = &vector{conn: below}
			}
		}
	}
	st.conn = c
	conn.WatchWrite(&c.write)
	ticking.use()
	c.readEnd = coarse.Load() // the library has not read since
	return c
}

// Read receives. The library has one reader at a time.
func (c *stallConn) Read(p []byte) (n int, err error) {
	switch {
	case len(c.early) > 0:
		n = copy(p, c.early)
		c.early = c.early[n:]
		if c.links {
			return c.received(p, 0, n, nil)
		}
		c.in.scan(p[:n], 0)
		return n, nil
	case c.opening != nil && c.opening.dial != nil:
		var over bool
		if n, c.early, over, err = c.opening.read(c.Conn, p); over {
			c.opening = nil
		}
		return n, err
	case c.strip != nil:
		return c.readStripped(p)
	}
	c.beginRead()
	n, err = c.Conn.Read(p)
	c.readEnd = coarse.Load()
	if n > 0 && c.opening == nil {
		stop := byte(0)
		if c.links {
			stop = firstOfPong
		}
		if at, _, ends := c.in.scan(p[:n], stop); at < n {
			return c.received(p, at, n, err)
		} else if ends > 0 {
			c.noteFrame()
		}
	}
	if err != nil {
		c.read.end(passage{}, err)
	}
	return n, err
}

// noteFrame is called when a frame has been received whole. A read that was blocked is
// over, unless it was a control frame in the middle of a message.
func (c *stallConn) noteFrame() {
	if !c.in.open || !c.in.last.kind.IsControl() {
		c.read.end(c.in.last, nil)
	}
}

// firstOfPong is the first byte of a trace pong: FIN, no extension, pong.
const firstOfPong = 0x80 | byte(frame.Pong)

// beginRead is called when the library asks for bytes.
func (c *stallConn) beginRead() {
	if mid := c.in.mid() || c.strip != nil && c.strip.inside; mid != c.watching {
		c.watching = mid
		if mid {
			c.conn.WatchRead(&c.read)
		} else {
			c.conn.WatchRead(nil)
		}
	}
	if now := coarse.Load(); now-c.readEnd >= c.st.after.Milliseconds() {
		c.noteAway(now)
	}
}

// noteAway notes that the library did not read until now, and keeps a copy of the
// rings: the next read may receive all that was sent in the meantime.
func (c *stallConn) noteAway(now int64) {
	if c.away == nil {
		c.away = new(away)
	}
	a := c.away
	if a.to != 0 && c.readEnd-a.to < c.st.after.Milliseconds() && a.to-a.from > now-c.readEnd {
		return // it processes what was received while it was away
	}
	a.from, a.to = c.readEnd, now
	a.rings[inward], a.rings[outward] = c.in.entries(a.rings[inward]), c.out.entries(a.rings[outward])
}

// readStripped is Read for a connection on which pongs were received.
func (c *stallConn) readStripped(p []byte) (n int, err error) {
	x := c.strip
	for n == 0 && err == nil {
		if len(x.ready) > 0 {
			n = copy(p, x.ready)
			x.ready = x.ready[n:]
			return n, nil
		}
		buf, held := p, x.Held()
		if len(p) <= held {
			if len(p) == 0 {
				return c.Conn.Read(p)
			}
			buf = x.spare[:]
		}
		c.beginRead()
		n, err = c.Conn.Read(buf[held:])
		c.readEnd = coarse.Load()
		n, err = c.received(buf, 0, held+n, err)
		if len(p) <= held && n > 0 {
			x.ready, n, err = x.spare[:n], 0, nil // the next read returns an error again
		}
	}
	return n, err
}

// received removes the trace pongs from buf[:n], whose first at bytes have been
// scanned, and returns how much is left for the library. A part of a pong is held back,
// and prepended to the next bytes.
func (c *stallConn) received(buf []byte, at, n int, err error) (int, error) {
	before := c.in.next.Load()
	x := c.strip
	if x == nil {
		x = &stripper{Stream: tracepong.Stream{On: true, Masked: c.server}}
		c.strip = x
	}
	if !x.inside && at == 0 { // up to the first pong
		at, _, _ = c.in.scan(buf[:n], firstOfPong)
	}
	kept := at
	if at < n || x.inside {
		x.inside = true
		x.Begin(buf[at:n])
		var e tracepong.Event
		for x.Next(&e) {
			c.event(&e)
		}
		if err != nil {
			kept += x.Release()
		} else {
			kept += x.End()
		}
		if x.Between() {
			x.inside = false
		}
	}
	if c.in.next.Load() != before {
		c.noteFrame()
	}
	if err != nil {
		c.read.end(passage{}, err)
	}
	return kept, err
}

func (c *stallConn) event(e *tracepong.Event) {
	switch e.Kind {
	case tracepong.Data:
		c.in.noteSegment(&e.Segment)
	case tracepong.Control:
		c.in.note(passage{kind: e.Segment.Header.Opcode, size: e.Segment.Header.Length})
	case tracepong.Trace:
		if e.Pong.Stall && e.Pong.Number == c.in.count+1 && !c.in.open {
			c.peerAsked(e.Pong.Write)
		}
	case tracepong.Stop:
		c.in.broken, c.in.open = true, false
	}
}

// Write sends. The library has one writer at a time, or several that write whole
// frames.
func (c *stallConn) Write(p []byte) (n int, err error) {
	if c.opening != nil {
		return c.opening.write(c.Conn, p)
	}
	if c.several {
		c.scanning.Lock()
	}
	number := c.out.nextIndex()
	_, begins, ends := c.out.scan(p, 0)
	whole, inside := c.out.last, c.out.mid()
	if c.several {
		c.scanning.Unlock()
	}
	flag := c.flag.Load()
	switch {
	case flag != nil && begins >= 0 && c.send && (c.joins == nil || c.joins.held == 0):
		c.flag.CompareAndSwap(flag, nil)
		n, err = writeWithPong(c.Conn, p, begins, tracepong.Pong{Number: number, Write: *flag, Stall: true}, !c.server)
	case c.joins == nil:
		n, err = c.Conn.Write(p)
	case c.out.midFrame() && len(p) > 0:
		c.joins.hold(p, mark{}, false)
		return len(p), nil
	case c.joins.held > 0:
		n, _, err = c.joins.write(p)
	default:
		n, err = c.Conn.Write(p)
	}
	if ends > 0 && !inside || err != nil {
		c.write.end(whole, err)
	}
	return n, err
}

// Close closes the connection.
func (c *stallConn) Close() error {
	if !c.closed.Swap(true) {
		ticking.done()
	}
	return c.Conn.Close()
}

// WriteBuffers is Write, in one system call, for the parts of a frame that a wire has
// joined. A trace pong is sent before them, by a call of its own.
func (c *stallConn) WriteBuffers(v *net.Buffers) (n int64, err error) {
	number := c.out.nextIndex()
	first, ends := -1, 0
	for i, p := range *v {
		_, begins, e := c.out.scan(p, 0)
		ends += e
		if first < 0 && begins == 0 && i == 0 {
			first = 0
		}
	}
	whole, inside := c.out.last, c.out.mid()
	if flag := c.flag.Load(); flag != nil && first == 0 && c.send {
		c.flag.CompareAndSwap(flag, nil)
		pong := tracepong.Append(nil, tracepong.Pong{Number: number, Write: *flag, Stall: true}, !c.server)
		if m, err := c.Conn.Write(pong); err != nil || m < len(pong) {
			c.write.end(whole, err)
			return 0, err
		}
	}
	n, err = c.joins.conn.WriteBuffers(v)
	if ends > 0 && !inside || err != nil {
		c.write.end(whole, err)
	}
	return n, err
}
