package explain

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

// peerAddress is the address of the other end of the TCP connection, "" where it is
// not known.
func (e *end) peerAddress() string {
	if e == nil {
		return ""
	}
	return e.PeerAddress()
}

// peerInFull says who is at the other end, and how much of that is known.
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
