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

// stallConn is the connection as the library, or the wire, sees it where it is not
// sampled and its stalls are told. It is above TLS, where frames are; the parks it
// learns from conn, which is below.
//
// A message costs it a look at the frame's header and eight bytes in a ring. The clock
// is read where a write parks, and a read in the midst of a message.
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
	links       bool        // the peer's trace pongs are taken off
	send        bool        // the peer takes those of this side off
	several     bool        // the library lets the program write from several goroutines
	scanning    sync.Mutex  // if so, held while out is scanned
	closed      atomic.Bool // by this side
	flag        atomic.Pointer[oteltrace.SpanContext]

	readEnd int64 // when a read of the connection has returned, or else the handshake, on the coarse clock
	away *away // the last one; nil: there was none

	strip *stripper // nil: no pong has come
	joins *joined   // nil: nothing is joined
}

// joined is a part of a frame that the library writes with one call of
// net.Buffers.WriteTo; see [vector].
type joined struct {
	conn  buffersWriter
	part  []byte // that is held, for the next Write
	v     net.Buffers
	array [2][]byte
}

func (j *joined) holds() bool { return j != nil && j.part != nil }

// write writes the part that is held and p in one system call.
func (j *joined) write(p []byte) (n int, err error) {
	held := len(j.part)
	j.array = [2][]byte{j.part, p}
	j.v, j.part = j.array[:], nil
	wrote, err := j.conn.WriteBuffers(&j.v)
	j.v, j.array = nil, [2][]byte{}
	return max(int(wrote)-held, 0), err
}

// away is a time in which nobody asked the connection for bytes: the last one, or one
// just before it that was longer.
type away struct {
	from, to int64       // of the coarse clock
	rings    [2][]uint64 // as they were when it was over: received, transmitted
}

// stripper takes trace pongs off.
type stripper struct {
	tracepong.Stream
	inside bool // what comes next is for it
	spare  [2 * tracepong.MaxHeld]byte
	ready  []byte
}

// attach makes the stallConn over nc, whose parks are reported by conn.
func (st *stalls) attach(nc net.Conn, conn *netpoll.Conn, early []byte, links bool) *stallConn {
	c := &stallConn{Conn: nc, st: st, conn: conn, early: early, server: st.server, links: links}
	rings := make([]atomic.Uint64, 2*st.history)
	c.in.ring, c.out.ring = rings[:st.history:st.history], rings[st.history:]
	c.read.c, c.write.c, c.write.writes = c, c, true
	if st.lib != nil {
		c.several = st.lib.ConcurrentWriters && !st.lib.WholeFrames
		if st.lib.WholeFrames {
			if below := vectored(nc); below != nil {
				c.joins = &joined{conn: below}
			}
		}
	}
	st.conn = c
	conn.WatchWrite(&c.write)
	ticking.use()
	c.readEnd = coarse.Load() // nobody has asked for bytes since
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

// messageRead is called when a frame has come whole: a read that was blocked is over
// unless it was a control frame in the midst of a message.
func (c *stallConn) noteFrame() {
	if !c.in.open || !c.in.last.kind.IsControl() {
		c.read.end(c.in.last, nil)
	}
}

// firstOfPong is the first byte of a trace pong: FIN, no extension, pong.
const firstOfPong = 0x80 | byte(frame.Pong)

// beginRead is called when the library wants bytes.
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

// returned notes that nobody asked for bytes until now, and keeps the rings as they
// are: what is received next may well be all that was sent meanwhile.
func (c *stallConn) noteAway(now int64) {
	if c.away == nil {
		c.away = new(away)
	}
	a := c.away
	if a.to != 0 && c.readEnd-a.to < c.st.after.Milliseconds() && a.to-a.from > now-c.readEnd {
		return // it is busy with what came meanwhile
	}
	a.from, a.to = c.readEnd, now
	a.rings[inward], a.rings[outward] = c.in.entries(a.rings[inward]), c.out.entries(a.rings[outward])
}

// readStripped is Read for a connection on which pongs have come.
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
			x.ready, n, err = x.spare[:n], 0, nil // an error comes again
		}
	}
	return n, err
}

// received takes the trace pongs out of buf[:n], of which the first at bytes have been
// scanned, and returns how much of it is the library's. What is held back of a pong is
// put in front of the next bytes.
func (c *stallConn) received(buf []byte, at, n int, err error) (int, error) {
	before := c.in.next.Load()
	x := c.strip
	if x == nil {
		x = &stripper{Stream: tracepong.Stream{On: true, Masked: c.server}}
		c.strip = x
	}
	if !x.inside && at == 0 { // as far as no pong comes
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

// Write sends. The library has one writer at a time, or several writes that are whole
// frames.
func (c *stallConn) Write(p []byte) (n int, err error) {
	if c.opening != nil {
		return c.opening.write(c.Conn, p)
	}
	if c.several {
		c.scanning.Lock()
	}
	number := c.out.count + 1 // of the next message to begin
	if c.out.open {
		number++
	}
	_, begins, ends := c.out.scan(p, 0)
	whole, inside := c.out.last, c.out.mid()
	if c.several {
		c.scanning.Unlock()
	}
	flag := c.flag.Load()
	switch {
	case flag != nil && begins >= 0 && c.send && !c.joins.holds():
		c.flag.CompareAndSwap(flag, nil)
		n, err = c.writeFlagged(p, begins, tracepong.Pong{Number: number, Write: *flag, Stall: true})
	case c.joins == nil:
		n, err = c.Conn.Write(p)
	case c.joins.part != nil:
		n, err = c.joins.write(p)
	case c.out.midFrame() && len(p) > 0:
		c.joins.part = p
		return len(p), nil
	default:
		n, err = c.Conn.Write(p)
	}
	if ends > 0 && !inside || err != nil {
		c.write.end(whole, err)
	}
	return n, err
}

// writeFlagged writes p with a trace pong in it, at the begin of a message.
func (c *stallConn) writeFlagged(p []byte, at int, pong tracepong.Pong) (int, error) {
	piece := pieces.Get().(*[]byte)
	b := append((*piece)[:0], p[:at]...)
	b = tracepong.Append(b, pong, !c.server)
	size := len(b) - at
	b = append(b, p[at:]...)
	n, err := c.Conn.Write(b)
	if cap(b) <= maxPiece {
		*piece = b
		pieces.Put(piece)
	}
	if n > at {
		n = max(at, n-size)
	}
	return n, err
}

// Close ends the connection.
func (c *stallConn) Close() error {
	if !c.closed.Swap(true) {
		ticking.done()
	}
	return c.Conn.Close()
}

// WriteBuffers is Write for parts of a frame, of a library that joins them and of which a
// wire has made one call. It is one system call.
func (c *stallConn) WriteBuffers(v *net.Buffers) (n int64, err error) {
	number := c.out.count + 1
	if c.out.open {
		number++
	}
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
