package chain

import (
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace/semconv"
)

// scope is a part of a chain in which connections are made and used: a goroutine, what a
// process does for one request, or the spans below a handshake.
//
// An operation that does not name its connection is on the one that is open in its scope.
// If several are open, its connection is not known.
type scope struct {
	outer  *scope        // nil: no scope outside matters
	runner *Span         // the goroutine that it is in
	client *Span         // the nearest client's handshake above
	made   []*Connection // the connections that were made here, except some that are closed
	below  *Connection   // everything here is below its handshake: besides it, only those in made are possible
}

// maxScopes limits the search for a connection: hostile traces may be very deep.
const maxScopes = 64

// connection returns the only connection that is open in the scope, or nil if there is
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

// open returns the connections that were made here and are open, at most two: callers only
// need to know whether there is exactly one. It removes the closed ones that it finds.
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

// relations finds the goroutine, the connection and the partner of each span. It goes from
// parents to children, as they are in a chain.
type relations struct {
	scopes []*scope // by span: the scope of its children
	named  map[connectionName]*Connection
}

// connectionName identifies one end of a connection. Its id alone may not: some sources
// give both ends the same one.
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

// pairTiles sets the partner of each block to the wake that follows it.
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

// enter returns the scope that contains the span.
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

// follow returns the scope of a span that continues another trace: below the handshake and
// in the goroutine that it links to.
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
			on.below = &Connection{First: s} // of a connection whose handshake is not here
		}
	}
	return on
}

// connectionOf returns the connection of a span: the one that it names or, without a name,
// the only one that is open in its scope.
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

// handshake adds a handshake in the scope sc and, if it established one, its connection. It
// returns the scope of the spans below it.
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
		r.named[name] = c // an id that repeats means the latest
	}
	c.Handshake, c.First, h.conn = h, h, c
	if o := h.partner; o != nil && o.conn != nil {
		c.Peer, o.conn.Peer = o.conn, c
	}
	sc.made = append(sc.made, c)
	own.outer, own.below = nil, c
	return own
}

// client returns the client's side of a server's handshake in the scope sc: the nearest one
// above it or, at a public endpoint, the one that it links to.
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

// GoesOn reports whether the span continues another trace: a connection's segment, an
// operation below one, or an operation with a trace of its own. Such spans link to the
// handshake, to their goroutine and to the previous segment. None of these links means that
// something was sent.
func (s *Span) GoesOn() bool {
	return s.Is(semconv.SpanSegment) || s.OnConnection() && (s.Parent == nil || s.Parent.Is(semconv.SpanSegment))
}
