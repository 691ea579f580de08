package wstest

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace/netpoll"
	"github.com/wakechain/wakechain/trace/semconv"
)

// link is what the two ends of a connection share.
type link struct {
	latency time.Duration

	mu      sync.Mutex // of both ends; never held while a park or wake is reported
	changed sync.Cond
}

// notify wakes all waiting calls.
func (l *link) notify() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.changed.Broadcast()
}

// wait releases the lock until something changes, or until the first of the times after
// now.
func (l *link) wait(now time.Time, times ...time.Time) {
	var first time.Time
	for _, t := range times {
		if t.After(now) && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	if !first.IsZero() {
		defer time.AfterFunc(first.Sub(now), l.notify).Stop()
	}
	l.changed.Wait()
}

// Conn is one end of a connection in memory. It is a net.Conn that returns the errors
// of a TCP conn on Linux: net.ErrClosed after Close, os.ErrDeadlineExceeded, io.EOF
// after the other end's CloseWrite or Close, and syscall.ECONNRESET after its Reset, or
// its Close with bytes unread. A write after the end of the connection returns
// syscall.EPIPE. Each direction returns a reset once, and then the end of the stream.
//
// As a [netpoll.Reporter] it reports when its calls park and what wakes them. Its
// methods may be called concurrently.
type Conn struct {
	link          *link
	peer          *Conn
	in, out       *stream
	local, remote addr

	// The link's lock guards what follows.
	readBy, writeBy time.Time
	stopped         bool // reading
	shut            bool // for writing, by this side
	closed          bool // by this side
	closedBy        oteltrace.SpanContext
	gone            bool  // bytes from the other end are discarded
	reset           event // of the connection, when this side notices it
	resetRead       bool  // a Read has returned it
	resetWrite      bool  // a Write has returned it
}

var _ netpoll.Reporter = (*Conn)(nil)

// NetPipe returns the two ends of a connection in memory, which differ only in their
// addresses. Unlike net.Pipe's it has a window: a Write parks only when that is full.
// They need not be closed: nothing leaks.
func NetPipe(opts ...Option) (client, server *Conn) { return newConfig(opts).netPipe() }

func (c *config) netPipe() (client, server *Conn) {
	l := &link{latency: c.latency}
	l.changed.L = &l.mu
	client = &Conn{link: l, local: "client", remote: "server"}
	server = &Conn{link: l, local: "server", remote: "client", peer: client}
	client.peer = server
	client.out = newStream(c, 1)
	server.out = newStream(c, 2)
	client.in, server.in = server.out, client.out
	return client, server
}

// addr is an address on the network "memory".
type addr string

func (addr) Network() string  { return "memory" }
func (a addr) String() string { return string(a) }

// LocalAddr returns the address of this end: client or server.
func (c *Conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr returns the address of the other end.
func (c *Conn) RemoteAddr() net.Addr { return c.remote }

// SetDeadline sets both deadlines. The zero time means none.
func (c *Conn) SetDeadline(t time.Time) error { return c.setDeadlines(t, &c.readBy, &c.writeBy) }

// SetReadDeadline sets when reads, including those in progress, fail with
// os.ErrDeadlineExceeded. The zero time means never.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.setDeadlines(t, &c.readBy) }

// SetWriteDeadline is SetReadDeadline for writes.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.setDeadlines(t, &c.writeBy) }

func (c *Conn) setDeadlines(t time.Time, deadlines ...*time.Time) error {
	c.link.mu.Lock()
	defer c.link.mu.Unlock()
	if c.closed {
		return c.fault("set", net.ErrClosed)
	}
	for _, d := range deadlines {
		*d = t
	}
	c.link.changed.Broadcast()
	return nil
}

// Read reads the bytes that have arrived, and parks until there are some.
func (c *Conn) Read(p []byte) (int, error) { return c.ReadFor(netpoll.Call{}, p) }

// ReadFor is Read that reports to call. A wake by bytes, or by the end of the
// connection, links to the other end's write or close.
func (c *Conn) ReadFor(call netpoll.Call, p []byte) (int, error) {
	w := &park{link: c.link, call: call, reason: semconv.ReasonNetRead}
	c.link.mu.Lock()
	defer c.link.mu.Unlock()
	held := false // only by StopReading
	for {
		now, next := time.Now(), c.in.next()
		by := func(e event) oteltrace.SpanContext {
			if held {
				return oteltrace.SpanContext{}
			}
			return e.by
		}
		switch arrived := next.happened(now); {
		case c.closed:
			w.end(now, semconv.WakeClosed, c.closedBy, nil)
			return 0, c.fault("read", net.ErrClosed)
		case len(p) == 0:
			return 0, nil
		case passed(c.readBy, now):
			w.end(now, semconv.WakeDeadline, oteltrace.SpanContext{}, nil)
			return 0, c.fault("read", os.ErrDeadlineExceeded)
		case c.stopped:
			held = held || arrived || c.in.fin.happened(now) || c.reset.happened(now)
		case arrived && w.parked:
			w.end(now, semconv.WakeReadable, by(next), nil)
			continue // another Read may have been faster
		case arrived:
			n := c.in.take(p, now, c.link.latency, call.SpanContext())
			c.link.changed.Broadcast()
			return n, nil
		case c.in.fin.happened(now):
			w.end(now, semconv.WakePeerClosed, by(c.in.fin), nil)
			return 0, io.EOF
		case c.reset.happened(now):
			w.end(now, semconv.WakePeerReset, by(c.reset), nil)
			if c.resetRead {
				return 0, io.EOF
			}
			c.resetRead = true
			return 0, c.fault("read", os.NewSyscallError("read", syscall.ECONNRESET))
		}
		if !w.begin(now) { // else it may have changed
			c.link.wait(now, c.readBy, next.at, c.in.fin.at, c.reset.at)
		}
	}
}

// Write writes all of p, and parks while the window is full. Concurrent writes are not
// interleaved.
func (c *Conn) Write(p []byte) (int, error) { return c.WriteFor(netpoll.Call{}, p) }

// WriteFor is Write that reports to call. A park has the cause of the full window: for
// at least half of the time the other end had bytes that it did not read (peer_window),
// or they were on their way (network). A wake by room links to the other end's read.
func (c *Conn) WriteFor(call netpoll.Call, p []byte) (n int, err error) {
	c.link.mu.Lock()
	defer c.link.mu.Unlock()
	c.turn(call)
	defer c.pass(call)
	w := &park{link: c.link, call: call, reason: semconv.ReasonNetWrite}
	for {
		now := time.Now()
		if reason, by, err := c.refused(now); err != nil {
			w.end(now, reason, by, c.out.cause(w.since, now))
			return n, c.fault("write", err)
		}
		switch c.out.opened(now); {
		case c.out.room > 0 && w.parked:
			w.end(now, semconv.WakePeerRead, c.out.roomBy.by, c.out.roomBy.cause(w.since))
		case len(p) == 0:
			return 0, nil
		case c.out.room > 0:
			if n += c.put(p[n:], now, call.SpanContext()); n == len(p) {
				return n, nil
			}
		case !w.begin(now):
			c.link.wait(now, c.writeBy, c.out.opening(), c.reset.at)
		}
	}
}

// refused returns why nothing can be written, with the reason and the cause of the wake
// of a parked write.
func (c *Conn) refused(now time.Time) (reason semconv.WakeReason, by oteltrace.SpanContext, err error) {
	switch {
	case c.closed:
		return semconv.WakeClosed, c.closedBy, net.ErrClosed
	case passed(c.writeBy, now):
		return semconv.WakeDeadline, by, os.ErrDeadlineExceeded
	case c.shut:
		return semconv.WakeClosed, by, os.NewSyscallError("write", syscall.EPIPE)
	case !c.reset.happened(now):
		return "", by, nil
	case c.resetWrite || c.in.fin.happened(c.reset.at): // as the kernel reports a reset after the end
		return semconv.WakePeerClosed, c.reset.by, os.NewSyscallError("write", syscall.EPIPE)
	default:
		c.resetWrite = true
		return semconv.WakePeerReset, c.reset.by, os.NewSyscallError("write", syscall.ECONNRESET)
	}
}

// turn waits until no other Write is in progress.
func (c *Conn) turn(call netpoll.Call) {
	w := &park{link: c.link, call: call, reason: semconv.ReasonWriteLock}
	for c.out.busy {
		if !w.begin(time.Now()) {
			c.link.changed.Wait()
		}
	}
	c.out.busy = true
	w.end(time.Now(), semconv.WakeUnlocked, c.out.last, nil)
}

func (c *Conn) pass(call netpoll.Call) {
	c.out.busy, c.out.last = false, call.SpanContext()
	c.link.changed.Broadcast()
}

// put writes as much as there is room for, or a piece of it.
func (c *Conn) put(p []byte, now time.Time, by oteltrace.SpanContext) (n int) {
	defer c.link.changed.Broadcast()
	if c.peer.gone { // the peer answers with a reset
		c.resetAt(now.Add(2*c.link.latency), c.peer.closedBy)
		return len(p)
	}
	n = c.out.put(p, now.Add(c.link.latency), by)
	if c.out.cut {
		c.cutOff(now)
	}
	return n
}

// Close closes the connection. The other end reads what was written and then io.EOF.
// But if this end has unread bytes, as it has whenever the other end is parked in a
// Write, the connection is reset.
func (c *Conn) Close() error { return c.CloseFor(oteltrace.SpanContext{}) }

// CloseFor is Close for a span: the wakes that it causes, at either end, link to it.
func (c *Conn) CloseFor(by oteltrace.SpanContext) error {
	c.link.mu.Lock()
	defer c.link.mu.Unlock()
	if c.closed {
		return c.fault("close", net.ErrClosed)
	}
	now := time.Now()
	arrives := now.Add(c.link.latency)
	c.closed, c.gone, c.closedBy = true, true, by
	first := c.in.next().at // of the bytes that stay unread
	if !first.IsZero() {
		c.peer.resetAt(latest(first, now).Add(c.link.latency), c.closedBy)
	}
	if first.IsZero() || first.After(now) {
		c.out.finish(event{arrives, c.closedBy})
	}
	c.link.changed.Broadcast()
	return nil
}

// CloseWrite closes this end's direction: the other end reads what was written and then
// io.EOF, and may still write.
func (c *Conn) CloseWrite() error {
	c.link.mu.Lock()
	defer c.link.mu.Unlock()
	if c.closed {
		return c.fault("close", net.ErrClosed)
	}
	c.shut = true
	c.out.finish(event{at: time.Now().Add(c.link.latency)})
	c.link.changed.Broadcast()
	return nil
}

// Reset closes the connection like a killed process, or net.TCPConn.SetLinger(0) and
// Close: the other end reads what has arrived, and is then reset.
func (c *Conn) Reset() error {
	c.link.mu.Lock()
	defer c.link.mu.Unlock()
	if c.closed {
		return c.fault("reset", net.ErrClosed)
	}
	c.closed, c.gone = true, true
	c.peer.resetAt(time.Now().Add(c.link.latency), oteltrace.SpanContext{})
	c.link.changed.Broadcast()
	return nil
}

// CutAfter cuts the connection once n more bytes were written here, like a proxy that
// ends: the other end reads those and then io.EOF, even in the middle of a frame, and
// this end is reset.
func (c *Conn) CutAfter(n int) {
	c.link.mu.Lock()
	defer c.link.mu.Unlock()
	if c.out.left = n; n <= 0 {
		c.cutOff(time.Now())
	} else {
		c.out.limited = true
	}
	c.link.changed.Broadcast()
}

func (c *Conn) cutOff(now time.Time) {
	c.gone = true
	c.out.finish(event{at: now.Add(c.link.latency)})
	c.resetAt(now, oteltrace.SpanContext{})
}

// StopReading makes this end's reads park, like a program that does not read: the
// window fills, and the other end's writes park. A read that ResumeReading ends links
// to nothing.
func (c *Conn) StopReading() { c.stop(true) }

// ResumeReading ends StopReading.
func (c *Conn) ResumeReading() { c.stop(false) }

func (c *Conn) stop(stopped bool) {
	c.link.mu.Lock()
	defer c.link.mu.Unlock()
	c.stopped = stopped
	c.link.changed.Broadcast()
}

// resetAt sets when this end notices a reset; the first one counts.
func (c *Conn) resetAt(t time.Time, by oteltrace.SpanContext) {
	if c.reset.at.IsZero() {
		c.reset = event{t, by}
	}
}

// fault returns an error in the form of package net's.
func (c *Conn) fault(op string, err error) error {
	return &net.OpError{Op: op, Net: c.local.Network(), Source: c.local, Addr: c.remote, Err: err}
}

func passed(deadline, now time.Time) bool { return !deadline.IsZero() && !now.Before(deadline) }

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
