package netpoll

import (
	"net"
	"time"
)

// WriteBuffers writes as v.WriteTo(conn) does with the wrapped conn, and consumes v
// as that does. For TCP and unix sockets it is one writev, and one report of each park,
// observed or not: exact on Linux, macOS and OpenBSD. Other unix systems write an
// observed v buffer by buffer.
//
// v.WriteTo(c) would make one Write for each buffer: the method by which package net
// writes all at once cannot be implemented by another package. So call WriteBuffers
// instead. A library that calls WriteTo needs a conn that knows from its protocol where
// its writes end, such as that of package wsconn/gorillaws.
func (c *Conn) WriteBuffers(v *net.Buffers) (n int64, err error) {
	if call := c.write.begin(); !call.Observed() || empty(*v) {
		n, err = c.writeBuffersUnseen(v)
	} else {
		n, err = c.writeBuffersFor(call, v)
	}
	c.written.Add(n)
	return n, err
}

func empty(v net.Buffers) bool {
	for _, b := range v {
		if len(b) > 0 {
			return false
		}
	}
	return true
}

func (c *Conn) writeBuffersUnseen(v *net.Buffers) (int64, error) {
	if c.raw != nil {
		c.write.mu.Lock()
		defer c.write.mu.Unlock()
	}
	return v.WriteTo(c.Conn)
}

func (c *Conn) writeBuffersFor(call Call, v *net.Buffers) (int64, error) {
	switch {
	case c.self != nil:
		return v.WriteTo(writerFor{c.self, call})
	case c.raw == nil:
		start := time.Now()
		n, err := v.WriteTo(c.Conn)
		c.write.timed(call, start, err)
		return n, err
	default:
		n, err := c.write.run(call, nil, v)
		return int64(n), err
	}
}

// writerFor writes to a Reporter, observed by call.
type writerFor struct {
	self Reporter
	call Call
}

func (w writerFor) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return w.self.Write(p)
	}
	return w.self.WriteFor(w.call, p)
}

// maxVector is the maximum number of buffers of one system call, as in package net.
const maxVector = 1024

// writeSome makes one system call to write v, and consumes what it wrote. v is not empty.
func writeSome(fd uintptr, v *net.Buffers) (n int, err error) {
	for len((*v)[0]) == 0 {
		consume(v, 0)
	}
	b := (*v)[:min(len(*v), maxVector)]
	for i, p := range b {
		if len(p) > maxIO {
			b = b[:i]
			break
		}
	}
	if len(b) > 1 {
		n, err = sysWritev(fd, b)
	} else {
		n, err = sysWrite(fd, (*v)[0][:min(len((*v)[0]), maxIO)])
	}
	consume(v, max(n, 0))
	return n, err
}

// consume removes n bytes, and the empty buffers that follow them, from the front of v.
func consume(v *net.Buffers, n int) {
	for len(*v) > 0 {
		if first := len((*v)[0]); first > n {
			(*v)[0] = (*v)[0][n:]
			return
		}
		n -= len((*v)[0])
		(*v)[0] = nil
		*v = (*v)[1:]
	}
}
