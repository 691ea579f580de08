package chain

import (
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace/semconv"
)

// scope is where connections are made and used: a goroutine, what a process does for
// one request, or what is below a handshake.
//
// An operation that does not name its connection is on the one that is open in its
// scope. Where several are open it could be on any of them, and its connection is not
// known.
type scope struct {
	outer  *scope        // nil: what is outside does not matter here
	runner *Span         // the goroutine that it is in
	client *Span         // the nearest client's handshake above
	made   []*Connection // here, less some that are closed
	below  *Connection   // all here is below its handshake: only those made here are possible beside it
}

// maxScopes bounds the search for a connection: the depth of a trace is up to a
// stranger.
const maxScopes = 64

// connection returns the one connection that is open in the scope, nil if there is
// none, or more than one.
func (sc *scope) connection() *Connection {
	var only *Connection
	for n := 0; sc != nil && n < maxScopes; n++ {
		here := sc.open()
		if sc.below != nil {
			here = append(here, sc.below)
		}
		for _, c := range here {
			if only != nil && only != c {
				return nil
			}
			only = c
		}
		if sc.below != nil {
			break
		}
		sc = sc.outer
	}
	return only
}

// open returns the connections that were made here and are open, at most two: callers
// only ask whether there is exactly one. It looks at a closed one once.
func (sc *scope) open() []*Connection {
	i := 0
	for i < len(sc.made) && i < 2 {
		if !sc.made[i].closed {
			i++
			continue
		}
		last := len(sc.made) - 1
		sc.made[i] = sc.made[last]
		sc.made = sc.made[:last]
	}
	return sc.made[:i:i]
}

// relations finds which goroutine ran each span, which connection it is on, and what
// it belongs together with. It goes down: a chain has every parent before its
// children.
type relations struct {
	scopes []*scope // of the children of each span
	named  map[connectionName]*Connection
}

// connectionName is unique: an id is one end's, but some give one to both.
type connectionName struct {
	proc int32
	id   string
}

func (b *builder) relate() {
	r := relations{scopes: make([]*scope, len(b.chain.Spans)), named: make(map[connectionName]*Connection)}
	for _, s := range b.chain.Spans {
		pairTiles(s.Children)
		s.findRest()
		r.add(s)
	}
}

// pairTiles notes which wake follows each block of an operation.
func pairTiles(children []*Span) {
	var last *Span
	for _, c := range children {
		switch c.Word() {
		case semconv.SpanBlock:
			last = c
		case semconv.SpanWake:
			if last != nil {
				last.partner = c
			}
			last = nil
		}
	}
}

func (r *relations) add(s *Span) {
	sc := r.enter(s)
	if s.GoesOn() {
		sc = r.follow(s, sc)
	}
	s.runner = sc.runner
	switch {
	case s.Is(semconv.SpanHandshake):
		sc = r.handshake(s, sc)
	case s.tile() && s.Parent != nil:
		s.conn = s.Parent.conn
	default:
		s.conn = r.connectionOf(s, sc)
		if s.Name == semconv.SpanClose && s.conn != nil {
			s.conn.closed = true
		}
		if s.IsGoroutine() {
			sc = &scope{outer: sc, client: sc.client, runner: s}
		}
	}
	r.scopes[s.Seq] = sc
}

// enter returns the scope that the span is in.
func (r *relations) enter(s *Span) *scope {
	if s.Parent == nil {
		return &scope{}
	}
	outer := r.scopes[s.Parent.Seq]
	served := s.Kind == oteltrace.SpanKindServer && s.Parent.Kind == oteltrace.SpanKindClient
	if served || s.proc != s.Parent.proc {
		return &scope{client: outer.client}
	}
	return outer
}

// follow returns the scope of a span that goes on in another trace: that of the
// handshake and of the goroutine that it links to.
func (r *relations) follow(s *Span, sc *scope) *scope {
	on := &scope{outer: sc, client: sc.client, runner: sc.runner}
	for _, l := range s.Links {
		switch {
		case l.Span == nil || l.Span.proc != s.proc:
		case l.Span.Is(semconv.SpanHandshake):
			on.below = l.Span.conn
		case l.Span.IsGoroutine():
			on.runner = l.Span
		}
	}
	if s.Is(semconv.SpanSegment) && on.below == nil {
		if on.below = r.connectionOf(s, sc); on.below == nil {
			on.below = &Connection{First: s} // it is of one, whose handshake is not here
		}
	}
	return on
}

// connectionOf returns the connection of a span: the one that it names or, without a
// name, the one that its place implies.
func (r *relations) connectionOf(s *Span, sc *scope) *Connection {
	if id := s.Str(semconv.WebSocketConnectionIDKey); id != "" {
		return r.withID(id, s)
	}
	return sc.connection()
}

func (r *relations) withID(id string, s *Span) *Connection {
	name := connectionName{s.proc, id}
	c := r.named[name]
	if c == nil {
		c = &Connection{ID: id, First: s}
		r.named[name] = c
	}
	return c
}

// handshake adds a handshake in the scope sc, and the connection that it made, if it
// did. It returns the scope of what is below it.
func (r *relations) handshake(h *Span, sc *scope) *scope {
	own := &scope{outer: sc, client: sc.client, runner: sc.runner}
	if h.Kind != oteltrace.SpanKindServer {
		own.client = h
	} else if c := r.client(h, sc); c != nil && c.partner == nil {
		h.partner, c.partner = c, h
	}
	if !h.Established() {
		return own
	}
	c := &Connection{ID: h.Str(semconv.WebSocketConnectionIDKey)}
	if name := (connectionName{h.proc, c.ID}); c.ID != "" {
		if seen := r.named[name]; seen != nil && seen.Handshake == nil {
			c = seen
		}
		r.named[name] = c // an id that comes again means the latest
	}
	c.Handshake, c.First, h.conn = h, h, c
	if o := h.partner; o != nil && o.conn != nil {
		c.Peer, o.conn.Peer = o.conn, c
	}
	sc.made = append(sc.made, c)
	own.outer, own.below = nil, c
	return own
}

// client returns the client's side of a server's handshake in the scope sc: above
// it or, at a public endpoint, what it links to.
func (r *relations) client(h *Span, sc *scope) *Span {
	c := h.Caller()
	switch {
	case h.Parent != nil || c == nil:
		return sc.client
	case c.Is(semconv.SpanHandshake):
		return c
	case c.Seq < h.Seq:
		return r.scopes[c.Seq].client
	default:
		return sc.client
	}
}

// GoesOn reports whether the span is in another trace than the one that it continues: a
// connection's segment, an operation below one, or an operation with a trace of its
// own. Such spans link to the handshake, to their goroutine and to the segment before,
// none of which sent them anything.
func (s *Span) GoesOn() bool {
	return s.Is(semconv.SpanSegment) || s.OnConnection() && (s.Parent == nil || s.Parent.Is(semconv.SpanSegment))
}
