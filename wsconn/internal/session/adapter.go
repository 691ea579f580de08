package session

import (
	"context"
	"net"

	"github.com/wakechain/wakechain/trace/netpoll"
)

// Off reports whether nothing of the connection is recorded, measured or watched.
func (d *Dial) Off() bool { return d.s.off && d.s.stalls == nil }

// BaseContext returns the context of calls that have none: that of the goroutine of
// [Session.Handle], or else the background.
func (s *Session) BaseContext() context.Context { return s.base }

// Bare returns the connection below the wrappers of a session: the one that the library
// would have without a session.
func Bare(nc net.Conn) net.Conn {
	for {
		switch c := nc.(type) {
		case *wireConn:
			nc = c.Conn
		case *stallConn:
			nc = c.Conn
		case unlinked:
			nc = c.Conn
		case *accepted:
			nc = c.Conn
		case *netpoll.Conn:
			nc = c.Conn
		default:
			return nc
		}
	}
}
