package live

import (
	"net/netip"
	"strconv"
	"time"

	"github.com/wakechain/wakechain/internal/live"
	"github.com/wakechain/wakechain/trace/semconv"
)

// link matches the ends of the view's connections, and sets the holders of waits that the
// other end can end.
func link(v *View) {
	peers := match(v)
	var made live.Slab[Holder]
	connections := v.connectionIndex()
	for i := range v.Goroutines {
		for j := range v.Goroutines[i].Waits {
			w := &v.Goroutines[i].Waits[j]
			if w.Reason != string(semconv.ReasonNetWrite) && w.Reason != string(semconv.ReasonPong) {
				continue
			}
			at, ok := connections[w.Connection]
			if !ok || w.Connection == "" {
				continue
			}
			c, peer := &v.Connections[at], (*Connection)(nil)
			if peers[at] >= 0 {
				peer = &v.Connections[peers[at]]
			}
			h := taker(w, c, peer)
			if w.Reason == string(semconv.ReasonPong) {
				h = answerer(peer)
			}
			w.Holders = nil
			if h.What != "" {
				w.Holders = made.Take(1)
				w.Holders[0] = h
			}
		}
	}
}

// probed is how long a window must have been closed to be proof: by then the kernel has
// probed it, and data in flight has arrived.
const probed = 200 * time.Millisecond

// taker returns the holder that can end the parked write w on c. peer is the other end, or
// nil if it is not in the view. A zero Holder means unknown.
func taker(w *Wait, c, peer *Connection) Holder {
	closed := w.Cause == string(semconv.CausePeerWindow)
	proven := closed && w.Age >= probed
	switch {
	case peer == nil:
		if !closed {
			return Holder{}
		}
		return Holder{What: "is the peer at " + printable(c.Remote) + ", which does not read", Strong: proven}
	case peer.Reading:
		return Holder{} // what was written is on its way
	case peer.Reader != nil && (peer.Reader.Goroutine != "" || peer.Reader.Ended):
		r := peer.Reader
		return Holder{
			Goroutine: r.Goroutine, Name: r.Name, Ended: r.Ended, Since: peer.LastRead,
			Strong: proven && !peer.Between && r.Goroutine != "", What: "reads the other end",
		}
	case peer.Reader == nil && peer.Writer != nil && peer.Writer.Goroutine != "":
		// Nobody has ever read at that end. Its writer may be the future reader.
		return Holder{Goroutine: peer.Writer.Goroutine, Name: peer.Writer.Name, What: "writes the other end, which nobody has read"}
	default:
		return Holder{What: "would read the other end, and is not known"}
	}
}

// answerer returns the holder that answers a ping: the library does that inside the
// goroutine that reads.
func answerer(peer *Connection) Holder {
	if peer == nil || peer.Reading || peer.Reader == nil || peer.Reader.Goroutine == "" {
		return Holder{}
	}
	return Holder{Goroutine: peer.Reader.Goroutine, Name: peer.Reader.Name, What: "reads the other end, and so answers pings"}
}

// addresses are a connection's addresses, as seen from one end.
type addresses struct{ scope, local, remote string }

// match finds the two ends of each connection. It returns for each end the index of the
// other one, or -1 if that is not in the view.
func match(v *View) (peers []int) {
	byID := v.connectionIndex()
	peers = make([]int, len(v.Connections))
	twice := make([]bool, len(v.Connections)) // another one has the same ID
	named := make([]int, len(v.Connections))  // number of servers that name it as their client's end
	for i := range v.Connections {
		c := &v.Connections[i]
		c.Peer, c.Between, peers[i] = "", false, -1
		if at := byID[c.ID]; at != i {
			twice[at], twice[i] = true, true
		}
		if at, ok := byID[c.PeerID]; ok && c.PeerID != "" {
			named[at]++
		}
	}
	pair := func(i, j int, between bool) {
		a, b := &v.Connections[i], &v.Connections[j]
		a.Peer, b.Peer = b.ID, a.ID
		a.Between, b.Between = between, between
		peers[i], peers[j] = j, i
	}
	left := len(v.Connections)
	for i := range v.Connections {
		server := &v.Connections[i]
		at, ok := byID[server.PeerID]
		if !ok || twice[at] || server.PeerID == "" || named[at] > 1 {
			continue
		}
		if client := &v.Connections[at]; client.Role != server.Role && client.Peer == "" {
			crosswise := client.Local == server.Remote && client.Remote == server.Local
			pair(at, i, !crosswise && internet(client.Local) && internet(server.Remote))
			left -= 2
		}
	}
	if left <= 0 {
		return peers
	}
	byEnds := make(map[addresses]int, left)
	of := make([]addresses, len(v.Connections))
	for i := range v.Connections {
		c := &v.Connections[i]
		if c.Peer != "" {
			continue
		}
		if e, ok := endsOf(v, c); ok {
			of[i] = e
			only(byEnds, e, i)
		}
	}
	for i, e := range of {
		c := &v.Connections[i]
		if e.local == "" || c.Peer != "" || byEnds[e] < 0 {
			continue
		}
		at, ok := byEnds[addresses{e.scope, e.remote, e.local}]
		if ok && at >= 0 && at != i && v.Connections[at].Peer == "" && v.Connections[at].Role != c.Role {
			pair(i, at, false)
		}
	}
	return peers
}

// only sets m[k] to i, or to -1 if k is set already.
func only[K comparable](m map[K]int, k K, i int) {
	if _, ok := m[k]; ok {
		i = -1
	}
	m[k] = i
}

// endsOf returns the addresses of c, with the scope in which they are unique: none, or the
// host for a loopback address, or the process if they are not of a network.
func endsOf(v *View, c *Connection) (addresses, bool) {
	if c.Local == "" || c.Remote == "" {
		return addresses{}, false
	}
	e := addresses{local: c.Local, remote: c.Remote}
	p := Process{}
	if c.Process < len(v.Processes) {
		p = v.Processes[c.Process]
	}
	ip, err := netip.ParseAddrPort(c.Local)
	switch {
	case err != nil:
		e.scope = p.Host + ":" + strconv.Itoa(p.PID)
	case ip.Addr().Unmap().IsLoopback():
		e.scope = p.Host
	}
	return e, true
}

func internet(address string) bool {
	_, err := netip.ParseAddrPort(address)
	return err == nil
}
