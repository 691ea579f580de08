package explain

import (
	"net"
	"net/netip"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/chain"
)

// identity is how much is known of who is at the other end of a TCP connection.
// What the kernel tells of "the peer" is of whoever that is: a proxy ends the
// connection, while the trace goes through it.
type identity uint8

const (
	absent    identity = iota // the chain has no other end
	unproven                  // it has one, and does not tell whether the connection ends there
	disproved                 // it has one, and the connection does not end there
	proven                    // it has one, and that is the end of this very connection
)

// address is one end of a TCP connection, "" where it is not known.
func address(h *chain.Span, host, port string) string {
	if host == "" || port == "" {
		return ""
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		host = ip.Unmap().WithZone("").String() // ::ffff:127.0.0.1 is 127.0.0.1
	}
	return net.JoinHostPort(host, port)
}

func localAddress(h *chain.Span) string {
	return address(h, h.Str(trace.NetworkLocalAddressKey), h.Str(trace.NetworkLocalPortKey))
}

func peerAddress(h *chain.Span) string {
	return address(h, h.Str(trace.NetworkPeerAddressKey), h.Str(trace.NetworkPeerPortKey))
}

// peerIs compares the addresses of the two ends crosswise: two ends of one TCP
// connection have the same two.
func (e *end) peerIs() identity {
	switch {
	case e == nil || e.peer == nil:
		return absent
	case e.memory || e.peer.memory: // a pipe has no third end
		return proven
	}
	a, b := e.handshake, e.peer.handshake
	known := false
	for _, pair := range [2][2]string{{localAddress(a), peerAddress(b)}, {peerAddress(a), localAddress(b)}} {
		switch {
		case pair[0] == "" || pair[1] == "":
			return unproven
		case pair[0] != pair[1]:
			return disproved
		}
		known = true
	}
	if !known {
		return unproven
	}
	return proven
}

// peerName names the other end of a connection where it is proven who that is.
func (e *end) peerName() string {
	switch e.peerIs() {
	case proven:
		return e.peer.name()
	case absent:
		return "the peer"
	default:
		return "the other end"
	}
}

// peerInFull says who is at the other end, and how much of that is known.
func (e *end) peerInFull() string {
	at := ""
	if e != nil {
		at = plain(peerAddress(e.handshake))
	}
	switch e.peerIs() {
	case proven:
		return e.peer.name()
	case absent:
		if at == "" {
			return "the peer"
		}
		return "the peer (" + at + ")"
	case disproved:
		return "whoever is at the other end of this connection (" + at + ", not " + e.peer.name() + " itself: something stands between)"
	default:
		if at != "" {
			at += "; "
		}
		return "whoever is at the other end of this connection (" + at + "the trace does not prove that it is " + e.peer.name() + ")"
	}
}

// peerInShort is peerInFull for a headline.
func (e *end) peerInShort() string {
	at := ""
	if e != nil {
		at = plain(peerAddress(e.handshake))
	}
	switch who := e.peerIs(); {
	case who == proven:
		return e.peer.name()
	case at == "":
		return e.peerName()
	case who == disproved:
		return at + " (not " + e.peer.name() + ")"
	default:
		return "the peer " + at
	}
}
