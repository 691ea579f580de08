package session

import (
	"crypto/tls"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wakechain/wakechain/trace/netpoll"
	"github.com/wakechain/wakechain/wsconn/internal/record"
)

// NewListener returns a listener that accepts from l. Its conns report block and wake,
// and note when the bytes of a handshake are received. A *tls.Conn that l accepts is
// returned as it is, since net/http recognises it by its type.
func NewListener(l net.Listener) net.Listener { return listener{l} }

type listener struct{ net.Listener }

func (l listener) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	if c, ok := nc.(*tls.Conn); ok {
		return c, nil
	}
	return &accepted{Conn: netpoll.Wrap(nc)}, nil
}

// arrival is when the bytes of an opening handshake were received. A zero time was not
// observed.
type arrival struct {
	// The TLS handshake: the client's first byte, and the last byte of either side.
	hello, secured time.Time
	request
}

// request is when the bytes of an HTTP request were received: its first and last byte
// or, with TLS, those of its records.
type request struct{ first, last time.Time }

// accepted is a conn of a listener. It notes arrivals until a handshake takes them.
type accepted struct {
	*netpoll.Conn
	over atomic.Bool // the arrivals were taken: note no more

	mu       sync.Mutex
	tls      bool
	records  record.Scanner
	arrival  arrival // the latest request
	before   request // the one before it
	answered bool    // the latest request: the next byte begins another
	answers  int     // to requests before the latest
}

// acceptedBelow returns nc, or a conn below it, that is an *accepted; nil: there is
// none.
func acceptedBelow(nc net.Conn) *accepted {
	for {
		switch c := nc.(type) {
		case *accepted:
			return c
		case interface{ NetConn() net.Conn }:
			nc = c.NetConn()
		default:
			return nil
		}
	}
}

// NetConn returns the conn that reports block and wake.
func (c *accepted) NetConn() net.Conn { return c.Conn }

func (c *accepted) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 && !c.over.Load() {
		c.read(p[:n], time.Now())
	}
	return n, err
}

func (c *accepted) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if n > 0 && !c.over.Load() {
		c.wrote()
	}
	return n, err
}

// read notes that p was received at now.
func (c *accepted) read(p []byte, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a := &c.arrival
	if a.hello.IsZero() {
		a.hello = now
		c.tls = record.IsHandshake(p[0])
	}
	if c.tls {
		finished, data := c.records.Scan(p)
		if finished {
			a.secured = now
		}
		if !data {
			return
		}
	}
	if c.answered {
		c.before, a.request = a.request, request{}
		c.answers++
		c.answered = false
	}
	if a.first.IsZero() {
		a.first = now
	}
	a.last = now
}

// wrote notes that something was sent.
func (c *accepted) wrote() {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch a := &c.arrival; {
	case !a.first.IsZero():
		c.answered = true
	case !a.secured.IsZero(): // the server's end of the TLS handshake
		a.secured = time.Now()
	}
}

// handOver returns the arrival of the handshake whose processing began at start, and
// stops noting.
func (c *accepted) handOver(start time.Time) arrival {
	c.over.Store(true)
	c.mu.Lock()
	defer c.mu.Unlock()
	a, answers := c.arrival, c.answers
	if a.first.After(start) { // the next request: the one before it is being processed
		a.request = c.before
		answers--
	}
	if a.last.After(start) {
		a.last = start
	}
	if answers > 0 || a.secured.IsZero() {
		a.hello, a.secured = time.Time{}, time.Time{}
	}
	return a
}
