package session

import (
	"io"
	"net"

	"github.com/wakechain/wakechain/trace/netpoll"
	"github.com/wakechain/wakechain/wsconn/internal/tracepong"
)

// vector joins the parts that a library writes with one call of net.Buffers.WriteTo
// into one system call; see [Library.WholeFrames]. Package net does so only for its own
// conns, and calls Write for each buffer of any other. So a Write that ends inside a
// frame is held until the next Write of the same WriteTo.
type vector struct {
	conn  buffersWriter // nil: parts are written individually
	v     net.Buffers
	array [4][]byte // a part, a trace pong, the rest of the part, the next part
	held  int       // bytes of the library in v
	pong  []byte
	at    int // offset of the pong in v, in bytes
}

// buffersWriter is a *netpoll.Conn or a conn over one.
type buffersWriter interface {
	WriteBuffers(v *net.Buffers) (int64, error)
}

// vectored returns the conn below a wire if it is not TLS, over which the bare library
// writes each buffer individually, too.
func vectored(rwc io.ReadWriteCloser) buffersWriter {
	switch c := rwc.(type) {
	case *netpoll.Conn:
		return c
	case *accepted:
		return c.Conn
	case *stallConn:
		if c.joins == nil {
			return nil
		}
		return c
	default:
		return nil
	}
}

// holds reports whether to hold a Write that beginSend has scanned.
func (w *wire) holds() bool {
	if w.vector.conn == nil {
		return false
	}
	_, inside := w.s.out.scan.Current()
	return inside
}

// hold keeps p, and the trace pong that m puts into it, for the next Write.
func (x *vector) hold(p []byte, m mark, masked bool) {
	if x.v == nil {
		x.v = x.array[:0]
	}
	x.held += len(p)
	if m.set {
		x.pong = tracepong.Append(x.pong[:0], m.pong, masked)
		x.at = x.held - len(p) + m.at
		x.v = append(x.v, p[:m.at], x.pong)
		p = p[m.at:]
	}
	x.v = append(x.v, p)
}

// write writes the held parts and p in one system call. n is how much of p was written,
// and all how much of the library's bytes.
func (x *vector) write(p []byte) (n, all int, err error) {
	x.v = append(x.v, p)
	wrote, err := x.conn.WriteBuffers(&x.v)
	if all = int(wrote); all > x.at {
		all = max(x.at, all-len(x.pong))
	}
	n = max(all-x.held, 0)
	clear(x.array[:])
	x.v, x.held, x.at, x.pong = nil, 0, 0, x.pong[:0]
	return n, all, err
}
