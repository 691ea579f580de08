package explain

// identity is what is known about the other end of a TCP connection. The kernel's "peer"
// may be a proxy, which ends the connection, while the trace continues behind it.
type identity uint8

const (
	absent    identity = iota // the chain has no other end
	unproven                  // the chain has one, and it is unknown whether the connection ends there
	disproved                 // the chain has one, and the connection does not end there
	proven                    // the chain has one, and it is the end of this connection
)

// peerIs returns what is known about the other end.
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

// peerName returns the name of the other end if its identity is proven, else a general
// term.
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

// peerAddress returns the address of the other end of the TCP connection, or "" if it is
// unknown.
func (e *end) peerAddress() string {
	if e == nil {
		return ""
	}
	return e.PeerAddress()
}

// peerInFull names the other end, and states how much of that is known.
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
