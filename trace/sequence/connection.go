package sequence

import (
	"slices"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
)

// from returns the first span that s links to for which what returns true, if s continues
// one of another trace; else nil.
func from(s *chain.Span, what func(*chain.Span) bool) *chain.Span {
	if s.GoesOn() {
		for _, l := range s.Links {
			if l.Span != nil && what(l.Span) {
				return l.Span
			}
		}
	}
	return nil
}

// peer returns the lifeline of the connection's other end, or None if it is unknown.
func (b *builder) peer(s *chain.Span) int {
	c := s.Connection()
	if c == nil {
		return None
	}
	if c.Peer == nil {
		if lane, ok := b.absent[c]; ok {
			return lane
		}
	} else if lane := b.lanes[c.Peer.First.Seq]; lane != b.lanes[s.Seq] {
		return lane
	}
	return None
}

// wakes returns the lifeline that woke s if its wake names the peer. It is None if an
// intermediary is known to stand between the two ends, because then that is the kernel's
// peer.
func (b *builder) wakes(s *chain.Span) int {
	if c := s.Connection(); c != nil {
		if same, known := c.SamePeer(); known && !same {
			return None
		}
	}
	return b.peer(s)
}

// findSources finds, on the peer's end, the write of each read that has no link. A
// connection keeps messages in order (RFC 6455 §5.4), so a message has the same index at
// both ends. If sizes or times do not match, or an index occurs twice, the write is
// unknown.
func (b *builder) findSources() {
	type message struct {
		conn  *chain.Connection
		index int64
	}
	writes := make(map[message]*chain.Span)
	reads := make(map[message]*chain.Span)
	for _, s := range b.chain.Spans {
		of := reads
		switch s.Name {
		case semconv.SpanWrite:
			of = writes
		case semconv.SpanRead:
		default:
			continue
		}
		m := message{s.Connection(), s.Int(semconv.WebSocketMessageIndexKey)}
		if m.conn == nil || m.index <= 0 || b.lanes[s.Seq] == None {
			continue
		}
		if _, twice := of[m]; twice {
			s = nil
		}
		of[m] = s
	}
	for m, r := range reads {
		if r == nil || m.conn.Peer == nil || slices.ContainsFunc(r.Links, func(l chain.Link) bool { return l.Span == nil || !begins(l.Span) }) {
			continue
		}
		w := writes[message{m.conn.Peer, m.index}]
		if w != nil && w.Start.Before(r.End) && b.lanes[w.Seq] != b.lanes[r.Seq] &&
			w.Int(semconv.WebSocketMessageSizeKey) == r.Int(semconv.WebSocketMessageSizeKey) {
			b.sources[r.Seq] = w
			b.matched[w.Seq] = b.at(r.End)-b.ended(w) < late
		}
	}
}
