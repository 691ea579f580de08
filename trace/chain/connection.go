package chain

import (
	"net"
	"net/netip"

	"go.opentelemetry.io/otel/attribute"

	"github.com/wakechain/wakechain/trace/semconv"
)

// SameConnection reports whether the handshakes of a client and a server are those
// of one TCP connection: their addresses and ports match crosswise. They are not
// where a proxy stands between, which ends the connections while the trace goes
// on. Unless both recorded both addresses, known is false.
func SameConnection(a, b *Span) (same, known bool) {
	al, ap, bl, bp := a.LocalAddress(), a.PeerAddress(), b.LocalAddress(), b.PeerAddress()
	if al == "" || ap == "" || bl == "" || bp == "" {
		return false, false
	}
	return al == bp && ap == bl, true
}

// LocalAddress returns this end of the span's connection as host:port, from
// network.local.address and network.local.port: "" if it lacks one of them.
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
