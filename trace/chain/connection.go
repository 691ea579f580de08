package chain

import (
	"net"
	"net/http"
	"net/netip"

	"go.opentelemetry.io/otel/attribute"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace/semconv"
)

// Connection is one end of a WebSocket connection. The other end, in the same process
// or in another one, is a Connection of its own.
type Connection struct {
	// ID is the end's websocket.connection.id, "" if its spans have none.
	ID string

	// Handshake is the span that established the connection, nil if the chain does not have
	// it.
	Handshake *Span

	// First is Handshake or, if that is nil, the first span on the connection.
	First *Span

	// Peer is the other end, nil if the chain does not have its handshake.
	Peer *Connection

	closed bool // New has seen its close
}

// Server reports whether the end is known to be the server's.
func (c *Connection) Server() bool {
	return c.Handshake != nil && c.Handshake.Kind == oteltrace.SpanKindServer
}

// PeerAddress returns the other end of the TCP connection as host:port, or "" if no
// handshake names it.
func (c *Connection) PeerAddress() string {
	if c.Handshake == nil {
		return ""
	}
	return c.Handshake.PeerAddress()
}

// SamePeer reports whether c and c.Peer are the two ends of one TCP connection, as
// [SameConnection] does for their handshakes. If one of these is missing, known is false.
func (c *Connection) SamePeer() (same, known bool) {
	if c.Peer == nil || c.Handshake == nil || c.Peer.Handshake == nil {
		return false, false
	}
	return SameConnection(c.Handshake, c.Peer.Handshake)
}

// SameConnection reports whether the handshakes of a client and a server belong to one TCP
// connection: their addresses and ports match crosswise. They do not match if a proxy
// between them ends the connections while the trace continues. Unless both recorded both
// addresses, known is false.
func SameConnection(a, b *Span) (same, known bool) {
	al, ap, bl, bp := a.LocalAddress(), a.PeerAddress(), b.LocalAddress(), b.PeerAddress()
	if al == "" || ap == "" || bl == "" || bp == "" {
		return false, false
	}
	return al == bp && ap == bl, true
}

// Established reports whether the span is a handshake that made a connection.
func (s *Span) Established() bool {
	return s.Is(semconv.SpanHandshake) && !s.Failed() &&
		s.Int(semconv.HTTPResponseStatusCodeKey) == http.StatusSwitchingProtocols
}

// OnConnection reports whether the span is an operation on a connection: a read,
// write, ping, pong or close, or a run of reads or writes.
func (s *Span) OnConnection() bool {
	switch s.Name {
	case semconv.SpanRead, semconv.SpanWrite, semconv.SpanReads, semconv.SpanWrites, semconv.SpanPing, semconv.SpanPong, semconv.SpanClose:
		return true
	default:
		return false
	}
}

// LocalAddress returns this end of the span's connection as host:port, from
// network.local.address and network.local.port, or "" if one of them is missing.
func (s *Span) LocalAddress() string {
	return s.address(semconv.NetworkLocalAddressKey, semconv.NetworkLocalPortKey)
}

// PeerAddress returns the other end likewise, from network.peer.address and
// network.peer.port.
func (s *Span) PeerAddress() string {
	return s.address(semconv.NetworkPeerAddressKey, semconv.NetworkPeerPortKey)
}

func (s *Span) address(hostKey, portKey attribute.Key) string {
	host, port := s.Str(hostKey), s.Str(portKey)
	if host == "" || port == "" {
		return ""
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		host = ip.Unmap().WithZone("").String() // ::ffff:127.0.0.1 is 127.0.0.1
	}
	return net.JoinHostPort(host, port)
}
