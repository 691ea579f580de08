package explain

// identity is what is known about the other end of a TCP connection. The kernel's
// "peer" may be a proxy: it ends the connection, while the trace goes through it.
type identity uint8

const (
	absent    identity = iota // the chain has no other end
	unproven                  // it has one, and nothing shows whether the connection ends there
	disproved                 // it has one, and the connection does not end there
	proven                    // it has one, and that is the end of this very connection
)

// peerIs says whether the other end is known to be that of the same TCP connection.
func (e *end) peerIs() identity {
	switch {
	case e == nil || e.peer == nil:
		return absent
	case e.memory || e.peer.memory: // a pipe has no third end
		return proven
	}
	switch same, known := e.SamePeer(); {
	case !known:
		return unproven
	case same:
		return proven
	default:
		return disproved
	}
}

// peerName names the other end of a connection if its identity is proven.
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

// peerAddress is the address of the other end of the TCP connection, "" where it is
// not known.
func (e *end) peerAddress() string {
	if e == nil {
		return ""
	}
	return e.PeerAddress()
}

// peerInFull names the other end, and says how much of that is known.
func (e *end) peerInFull() string {
	at := plain(e.peerAddress())
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
	at := plain(e.peerAddress())
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
