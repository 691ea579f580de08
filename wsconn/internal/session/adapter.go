package session

import (
	"context"
	"net"

	"github.com/wakechain/wakechain/trace/netpoll"
)

// Off reports whether nothing of the connection is recorded, measured or watched.
func (d *Dial) Off() bool { return d.s.off && d.s.stalls == nil }

// Home returns the context of what the program does with the connection without one:
// that of the goroutine of [Session.Handle], or else the background.
func (s *Session) BaseContext() context.Context { return s.base }

// Bare returns the connection that nc, which the library was given, stands for: what
// it would have been given without a session.
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
