package sequence

import (
	"net/http"
	"slices"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
)

// established reports whether the span is a handshake that made a connection.
func established(s *chain.Span) bool {
	return s.Name == semconv.SpanHandshake && !s.Failed() &&
		s.Int(semconv.HTTPResponseStatusCodeKey) == http.StatusSwitchingProtocols
}

// findConnections finds the connection of each span: the one that it names, or
// that of the handshake above it, or of the one handshake beside it or an ancestor. Where there are
// two, it could be either, and is none.
func (b *builder) findConnections() {
	several := new(chain.Span)
	ids := make(map[string]*chain.Span)
	made := make([]*chain.Span, b.chain.Len()) // below the span, in its process
	for _, s := range b.chain.Spans {
		if p := s.Parent; established(s) && p != nil && b.procs[p.Seq] == b.procs[s.Seq] {
			if made[p.Seq] == nil {
				made[p.Seq] = s
			} else {
				made[p.Seq] = several
			}
		}
		if id := s.Str(semconv.WebSocketConnectionIDKey); id != "" && established(s) {
			ids[id] = s
		}
		b.pair(s)
	}
	around := make([]*chain.Span, b.chain.Len()) // what the children of the span are on
	for _, s := range b.chain.Spans {
		var here *chain.Span
		if p := s.Parent; p != nil && b.procs[p.Seq] == b.procs[s.Seq] {
			here = around[p.Seq]
		}
		if h := from(s, established); h != nil {
			here = h
		}
		switch {
		case established(s):
			here = s
			b.conns[s.Seq] = s
		case s.Name != semconv.SpanHandshake && ids[s.Str(semconv.WebSocketConnectionIDKey)] != nil:
			here = ids[s.Str(semconv.WebSocketConnectionIDKey)]
			b.conns[s.Seq] = here
		case s.Name != semconv.SpanHandshake && here != several:
			b.conns[s.Seq] = here
		}
		switch {
		case here == nil:
			here = made[s.Seq]
		case made[s.Seq] != nil:
			here = several
		}
		around[s.Seq] = here
	}
}

// goesOn reports whether a span goes on in another trace than what it is part of,
// and links to that: a connection's segment and the operations below it, and a
// message with a trace of its own, link to the handshake and to their goroutine.
func goesOn(s *chain.Span) bool {
	switch s.Name {
	case semconv.SpanSegment:
		return true
	case semconv.SpanRead, semconv.SpanWrite, semconv.SpanPing, semconv.SpanPong:
		return s.Parent == nil || s.Parent.Name == semconv.SpanSegment
	default:
		return false
	}
}

// from returns what the span goes on from, nil if it does not or has no link to
// such a span.
func from(s *chain.Span, what func(*chain.Span) bool) *chain.Span {
	if goesOn(s) {
		for _, l := range s.Links {
			if l.Span != nil && what(l.Span) {
				return l.Span
			}
		}
	}
	return nil
}

// pair notes the two sides of a handshake: a server's is below the client's, or
// at a public endpoint links to it.
func (b *builder) pair(s *chain.Span) {
	if s.Name != semconv.SpanHandshake || s.Kind != oteltrace.SpanKindServer {
		return
	}
	p := s.Caller()
	for n := 0; p != nil && p.Name != semconv.SpanHandshake && n < maxBetween; n++ {
		p = p.Parent
	}
	if p != nil && p.Name == semconv.SpanHandshake && p.Kind == oteltrace.SpanKindClient && b.other[p] == nil {
		b.other[s], b.other[p] = p, s
	}
}

// maxBetween is how many spans, a proxy's say, may be between the two sides.
const maxBetween = 8

// peer returns the lifeline of the other end of the connection that the span is
// on, None if it is not known.
func (b *builder) peer(s *chain.Span) int {
	if h := b.conns[s.Seq]; h != nil {
		if o := b.other[h]; o != nil && b.lanes[o.Seq] != b.lanes[s.Seq] {
			return b.lanes[o.Seq]
		}
	}
	return None
}

// wakes returns the lifeline of who wakes s where its wake names the peer: None also
// where something stands between the two ends, which the kernel speaks of then.
func (b *builder) wakes(s *chain.Span) int {
	if h := b.conns[s.Seq]; h != nil && b.other[h] != nil {
		if same, known := chain.SameConnection(h, b.other[h]); known && !same {
			return None
		}
	}
	return b.peer(s)
}

// findSources finds the write of each read on the peer's end where no link tells
// it: a connection keeps messages in order (RFC 6455 §5.4), so that the one of
// an index is the same at both ends. Where sizes or order disagree, or an index
// comes twice, it is not known.
func (b *builder) findSources() {
	type message struct {
		conn  *chain.Span
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
		m := message{b.conns[s.Seq], s.Int(semconv.WebSocketMessageIndexKey)}
		if m.conn == nil || m.index <= 0 || b.lanes[s.Seq] == None {
			continue
		}
		if _, twice := of[m]; twice {
			s = nil
		}
		of[m] = s
	}
	for m, r := range reads {
		o := b.other[m.conn]
		if r == nil || o == nil || slices.ContainsFunc(r.Links, func(l chain.Link) bool { return l.Span == nil || !begins(l.Span) }) {
			continue
		}
		w := writes[message{o, m.index}]
		if w != nil && w.Start.Before(r.End) && b.lanes[w.Seq] != b.lanes[r.Seq] &&
			w.Int(semconv.WebSocketMessageSizeKey) == r.Int(semconv.WebSocketMessageSizeKey) {
			b.sources[r.Seq] = w
			b.matched[w.Seq] = b.at(r.End)-b.ended(w) < late
		}
	}
}
