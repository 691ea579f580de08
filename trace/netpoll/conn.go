package netpoll

import (
	"errors"
	"io"
	"net"
	"sync/atomic"
	"syscall"
	"time"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace"
)

// Conn is a net.Conn whose reads and writes report block and wake. Its methods
// return the values and errors of the conn it wraps, and may be called
// concurrently as with any net.Conn.
type Conn struct {
	net.Conn
	raw                 syscall.RawConn        // nil: calls are timed
	self                Reporter               // nil: the wrapped conn is none
	reading             atomic.Pointer[half]   // nil: no read has been observed yet
	timing              atomic.Pointer[timing] // of reads; nil: they are observed, or not at all
	write               half
	start               time.Time                             // of the conn's clock
	written             atomic.Int64                          // bytes handed to the wrapped conn
	closed              atomic.Pointer[oteltrace.SpanContext] // of CloseBy
	readShut, writeShut atomic.Bool                           // by this side
	fault               atomic.Uintptr                        // a syscall.Errno that ended the connection, as the first parked call got it
}

var (
	_ net.Conn      = (*Conn)(nil)
	_ io.ReaderFrom = (*Conn)(nil)
	_ syscall.Conn  = (*Conn)(nil)
)

// Wrap returns a Conn over nc, or nc itself if it is one. Parks are exact if nc is a
// *net.TCPConn or a stream *net.UnixConn on a unix system, and are those that nc reports
// if it is a [Reporter]. Any other type may do more in its Read and Write than its
// descriptor shows, and is timed.
func Wrap(nc net.Conn) *Conn {
	if c, ok := nc.(*Conn); ok {
		return c
	}
	c := &Conn{Conn: nc, raw: rawConn(nc), start: time.Now()}
	c.self, _ = nc.(Reporter)
	c.write.init(c, true)
	return c
}

// read returns the half that reads. It is made for its first observer, since many
// connections have none.
func (c *Conn) read() *half {
	if h := c.reading.Load(); h != nil {
		return h
	}
	h := new(half)
	h.init(c, false)
	if !c.reading.CompareAndSwap(nil, h) {
		h = c.reading.Load()
	}
	return h
}

// Below returns nc if it is a Conn, or else the Conn below it, such as below a *tls.Conn,
// which it finds by the methods NetConn() net.Conn. It returns nil if there is none.
func Below(nc net.Conn) *Conn {
	for {
		switch c := nc.(type) {
		case *Conn:
			return c
		case interface{ NetConn() net.Conn }:
			nc = c.NetConn()
		default:
			return nil
		}
	}
}

// NetConn returns the wrapped conn.
func (c *Conn) NetConn() net.Conn { return c.Conn }

// ObserveRead makes o the observer of the Read calls that begin from now on; nil ends
// that. A call in progress keeps the observer it began with.
func (c *Conn) ObserveRead(o Observer) {
	c.timing.Store(nil)
	c.read().observe(Call{to: o})
}

// ObserveWrite is ObserveRead for Write.
func (c *Conn) ObserveWrite(o Observer) { c.write.observe(Call{to: o}) }

// TraceRead is ObserveRead for an operation; the zero Op ends that. It allocates
// nothing.
func (c *Conn) TraceRead(op trace.Op) {
	c.timing.Store(nil)
	c.read().trace(op)
}

// TraceWrite is TraceRead for Write.
func (c *Conn) TraceWrite(op trace.Op) { c.write.trace(op) }

// WatchRead makes o a second observer of the Read calls that begin from now on; nil ends
// that. It is for an observer of the whole connection, and must not be called while a
// Read may begin.
func (c *Conn) WatchRead(o Observer) {
	if o != nil || c.reading.Load() != nil {
		c.read().watch(o)
	}
}

// WatchWrite is WatchRead for Write.
func (c *Conn) WatchWrite(o Observer) { c.write.watch(o) }

// CloseBy names the span of what is about to close the conn: blocks that Close ends
// link to it.
func (c *Conn) CloseBy(sc oteltrace.SpanContext) { c.closed.Store(&sc) }

// closedBy returns the span of CloseBy; invalid: not known.
func (c *Conn) closedBy() oteltrace.SpanContext {
	if sc := c.closed.Load(); sc != nil {
		return *sc
	}
	return oteltrace.SpanContext{}
}

// Unread returns how many received bytes have not been read, and whether that is known:
// it is on Linux, for a TCP or unix socket that is open. Below TLS they are encrypted.
func (c *Conn) Unread() (bytes int, ok bool) {
	if c.raw == nil {
		return 0, false
	}
	if err := c.raw.Control(func(fd uintptr) { bytes, ok = unread(fd) }); err != nil {
		return 0, false
	}
	return bytes, ok
}

// Read reads as the wrapped conn does.
func (c *Conn) Read(p []byte) (int, error) {
	h := c.reading.Load()
	if h == nil {
		return c.Conn.Read(p)
	}
	if t := c.timing.Load(); t != nil && !h.watched.Load() && len(p) > 0 {
		return t.read(p)
	}
	call := h.begin()
	if !call.Observed() {
		return c.Conn.Read(p)
	}
	switch {
	case len(p) == 0:
		return c.Conn.Read(p)
	case c.self != nil:
		return c.self.ReadFor(call, p)
	case c.raw == nil:
		start := time.Now()
		n, err := c.Conn.Read(p)
		h.timed(call, start, err)
		return n, err
	default:
		return h.poll(call, p)
	}
}

// Write writes as the wrapped conn does.
func (c *Conn) Write(p []byte) (n int, err error) {
	if call := c.write.begin(); !call.Observed() {
		n, err = c.writeUnseen(p)
	} else {
		n, err = c.writeFor(call, p)
	}
	c.written.Add(int64(n))
	return n, err
}

// writeUnseen writes without an observer. It takes the lock of observed writes: these
// leave the poller's loop, and so the wrapped conn's own lock, to call their observer,
// and the bytes of another write must not come between.
func (c *Conn) writeUnseen(p []byte) (int, error) {
	if c.raw != nil {
		c.write.mu.Lock()
		defer c.write.mu.Unlock()
	}
	return c.Conn.Write(p)
}

func (c *Conn) writeFor(call Call, p []byte) (int, error) {
	switch {
	case len(p) == 0:
		return c.Conn.Write(p)
	case c.self != nil:
		return c.self.WriteFor(call, p)
	case c.raw == nil:
		start := time.Now()
		n, err := c.Conn.Write(p)
		c.write.timed(call, start, err)
		return n, err
	default:
		return c.write.poll(call, p)
	}
}

// ReadFrom copies from r by the wrapped conn's ReadFrom, which may use sendfile
// or splice, or else as io.Copy does. A copy is not observed.
func (c *Conn) ReadFrom(r io.Reader) (n int64, err error) {
	if rf, ok := c.Conn.(io.ReaderFrom); ok {
		if c.raw != nil {
			c.write.mu.Lock()
			defer c.write.mu.Unlock()
		}
		n, err = rf.ReadFrom(r)
	} else {
		n, err = io.Copy(struct{ io.Writer }{c.Conn}, r)
	}
	c.written.Add(n)
	return n, err
}

// CloseRead shuts down the reading side of the connection, with
// errors.ErrUnsupported if the wrapped conn cannot.
func (c *Conn) CloseRead() error {
	if cr, ok := c.Conn.(interface{ CloseRead() error }); ok {
		c.readShut.Store(true)
		return cr.CloseRead()
	}
	return unsupported("close_read")
}

// CloseWrite shuts down the writing side of the connection, with
// errors.ErrUnsupported if the wrapped conn cannot.
func (c *Conn) CloseWrite() error {
	if cw, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		c.writeShut.Store(true)
		return cw.CloseWrite()
	}
	return unsupported("close_write")
}

// SyscallConn returns the wrapped conn's raw connection, with
// errors.ErrUnsupported if it has none. Reads and writes on it are not observed.
func (c *Conn) SyscallConn() (syscall.RawConn, error) {
	if sc, ok := c.Conn.(syscall.Conn); ok {
		return sc.SyscallConn()
	}
	return nil, unsupported("syscall_conn")
}

func unsupported(op string) error { return &net.OpError{Op: op, Err: errors.ErrUnsupported} }

// Close closes the wrapped conn. Calls that are parked in it return net.ErrClosed. The
// kernel's evidence about a parked write is read first, since a closed descriptor has
// none.
func (c *Conn) Close() error {
	c.readShut.Store(true)
	c.writeShut.Store(true)
	if c.self != nil {
		return c.self.CloseFor(c.closedBy())
	}
	c.write.closing()
	return c.Conn.Close()
}
