package session

import (
	"crypto/tls"
	"encoding/binary"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wakechain/wakechain/trace/netpoll"
)

// NewListener returns a listener that accepts from l. Its conns report block
// and wake, and know when the bytes of a handshake came in. A *tls.Conn that l
// accepts is passed on as it is, since net/http recognises it by its type.
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

// arrival is when the bytes of an opening handshake came in; what was not seen
// is the zero time.
type arrival struct {
	// Of the TLS handshake: the first byte from the client, and the last byte of
	// either side.
	hello, secured time.Time
	request
}

// request is when the bytes of an HTTP request came in: the first and the last
// or, below TLS, those of the records that hold it.
type request struct{ first, last time.Time }

// accepted is a conn of a listener, until a handshake hands it over.
type accepted struct {
	*netpoll.Conn
	over atomic.Bool // handed over: nothing more is noted

	mu       sync.Mutex
	tls      bool
	records  records
	arrival  arrival // the latest request
	before   request // the one before it
	answered bool    // the latest: what comes in next is another
	answers  int     // to the requests before the latest
}

// acceptedBelow returns the accepted that nc is or that lies below it, or nil.
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

// read notes that p came in at now.
func (c *accepted) read(p []byte, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a := &c.arrival
	if a.hello.IsZero() {
		a.hello = now
		c.tls = p[0] == recordHandshake
	}
	if c.tls {
		finished, data := c.records.scan(p)
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

// wrote notes that something went out.
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

// handOver returns what was noted of the handshake that is processed since
// start, and ends the notes.
func (c *accepted) handOver(start time.Time) arrival {
	c.over.Store(true)
	c.mu.Lock()
	defer c.mu.Unlock()
	a, answers := c.arrival, c.answers
	if a.first.After(start) { // these came after the answer, which is being processed
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

// Types of TLS records, RFC 8446 §5.1.
const (
	recordChangeCipherSpec = 20
	recordHandshake        = 22
	recordApplicationData  = 23
)

// records tells from the headers of a client's TLS records where its part of
// the handshake ends: with its Finished message.
type records struct {
	header   [5]byte // type, version, length
	n        int     // bytes of the header that have passed
	left     int     // bytes of the record that have not
	previous byte    // type of the record before
	finished bool
}

// scan passes p. It reports whether the client's Finished ended in it, and
// whether part of a record of application data lies in it.
func (r *records) scan(p []byte) (finished, data bool) {
	for len(p) > 0 {
		if r.n < len(r.header) {
			n := copy(r.header[r.n:], p)
			r.n, p = r.n+n, p[n:]
			if r.n < len(r.header) {
				break
			}
			r.left = int(binary.BigEndian.Uint16(r.header[3:]))
		}
		n := min(r.left, len(p))
		r.left, p = r.left-n, p[n:]
		data = data || r.finished && r.header[0] == recordApplicationData
		if r.left > 0 {
			break
		}
		if !r.finished && r.isFinished() {
			r.finished, finished = true, true
		}
		r.previous, r.n = r.header[0], 0
	}
	return finished, data
}

// isFinished reports whether the record holds a Finished message. In TLS 1.2
// it is the handshake record after ChangeCipherSpec. In TLS 1.3 it looks like
// application data, but nothing else that a client sends before it is as long:
// four bytes of header, the hash of the cipher suite, the type and the tag.
func (r *records) isFinished() bool {
	const sha256, sha384, around = 32, 48, 4 + 1 + 16
	switch length := binary.BigEndian.Uint16(r.header[3:]); r.header[0] {
	case recordHandshake:
		return r.previous == recordChangeCipherSpec
	case recordApplicationData:
		return length == sha256+around || length == sha384+around
	default:
		return false
	}
}
