package explain

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
)

// scene is a chain, sorted by what the rules ask for. All lists are in the order
// of the chain.
type scene struct {
	start      time.Time
	spans      []*chain.Span
	ends       []*end
	blocks     []*block
	stuck      []*block // in progress where the chain ends
	handshakes []*chain.Span
	launches   []*chain.Span // of goroutines
	strays     []*chain.Span // closes of connections that are not known

	runners []*chain.Span               // the `go NAME` of each span, by Seq; nil: not known
	other   map[*chain.Span]*chain.Span // of a handshake, as its other side tells it
	ids     map[string]*end             // by the connection's id

	namesakes map[string]int // how many goroutines have a name

	failed map[*chain.Span][]*chain.Span // operations, by the `go NAME` that they are in

	told map[*chain.Span]bool // what a finding tells already, see tell
}

// tell notes that a finding tells what happened to the spans: one fact is told
// once, by the rule that comes first.
func (s *scene) tell(spans ...*chain.Span) {
	for _, sp := range spans {
		if sp != nil {
			s.told[sp] = true
		}
	}
}

// end is one end of a connection, with the operations on it.
type end struct {
	handshake *chain.Span
	peer      *end // nil: not in the chain

	reads, pongs, closes []*chain.Span
	writes               []write
	blocks               []*block

	several bool // it is a client, of which this service has more
	memory  bool // it is on a connection in memory
	hidden  bool // spans were left out

	// While the scene is made: the chain has come to its close; spans were left
	// out since its last write.
	closed, gap bool
}

// server reports whether the end is the server's.
func (e *end) server() bool { return server(e.handshake) }

func server(handshake *chain.Span) bool { return handshake.Kind == oteltrace.SpanKindServer }

// write is a write, and what went before it on its connection.
type write struct {
	*chain.Span
	sent    *chain.Span // the last one that succeeded, nil if there was none or it is not known
	before  int         // all of them, as far as the trace has them
	blocked int         // those that blocked
}

// block is a block span with what belongs to it.
type block struct {
	*chain.Span
	op     *chain.Span
	wake   *chain.Span // nil: not in the chain
	end    *end        // nil: not known
	runner *chain.Span // nil: not known
	teller *chain.Span // of a block in progress: its `stalled`
}

func (b *block) reason() semconv.Reason { return semconv.Reason(b.Str(semconv.BlockReasonKey)) }

func (b *block) cause() semconv.Cause { return semconv.Cause(b.Str(semconv.BlockCauseKey)) }

// woken is why the block ended, "" where the chain has no wake.
func (b *block) woken() semconv.WakeReason {
	if b.wake == nil {
		return ""
	}
	return semconv.WakeReason(b.wake.Str(semconv.WakeReasonKey))
}

// waker is the span that the wake links to, nil if there is none.
func (b *block) waker() *chain.Span {
	if b.wake != nil {
		for _, l := range b.wake.Links {
			if l.Span != nil {
				return l.Span
			}
		}
	}
	return nil
}

// spans are what a finding about the block stands on.
func (b *block) spans() []*chain.Span {
	var spans []*chain.Span
	for _, s := range []*chain.Span{b.op, b.Span, b.wake, b.waker()} {
		if s != nil {
			spans = append(spans, s)
		}
	}
	return spans
}

// write is the write that was blocked, as its end has it: nil where that is not
// known, or the operation is none.
func (b *block) write() *write {
	if b.end == nil || b.op == nil {
		return nil
	}
	i, ok := slices.BinarySearchFunc(b.end.writes, b.op.Seq, func(w write, seq int) int { return cmp.Compare(w.Seq, seq) })
	if !ok {
		return nil
	}
	return &b.end.writes[i]
}

// place is what repeated blocks are folded by: the end of a connection, or else
// the goroutine, or else the operation.
func (b *block) place() any {
	switch {
	case b.end != nil:
		return b.end
	case b.runner != nil:
		return b.runner
	default:
		return b.op
	}
}

func newScene(c *chain.Chain) *scene {
	s := &scene{start: c.Start(), spans: c.Spans, runners: make([]*chain.Span, c.Len()), other: make(map[*chain.Span]*chain.Span), ids: make(map[string]*end), namesakes: make(map[string]int), failed: make(map[*chain.Span][]*chain.Span), told: make(map[*chain.Span]bool)}
	var (
		scopes = make([]*scope, c.Len())      // of a span's children
		ends   = make([]*end, c.Len())        // of an operation or a handshake
		wakes  = make([]*chain.Span, c.Len()) // of a block
	)
	for _, sp := range c.Spans {
		pair(sp.Children, wakes)
		sc := enter(sp, scopes)
		if goesOn(sp) {
			sc = follow(sp, sc, ends)
		}
		s.runners[sp.Seq] = sc.runner
		switch {
		case sp.Name == semconv.SpanHandshake:
			s.handshakes = append(s.handshakes, sp)
			sc = s.shake(sp, sc, ends)
		case sp.Name == semconv.SpanBlock:
			b := &block{Span: sp, op: sp.Parent, wake: wakes[sp.Seq], runner: sc.runner}
			if b.op != nil {
				b.end = ends[b.op.Seq]
			}
			if b.end != nil {
				b.end.blocks = append(b.end.blocks, b)
				b.end.memory = b.end.memory || b.Str(semconv.BlockSourceKey) == string(semconv.SourceMemory)
			}
			s.blocks = append(s.blocks, b)
		case sp.Name == semconv.SpanStalled:
			if b := s.inProgress(sp, sc); b != nil {
				s.stuck = append(s.stuck, b)
			}
		case strings.HasPrefix(sp.Name, semconv.SpanGo):
			s.launches = append(s.launches, sp)
			s.namesakes[sp.Name]++
			sc = &scope{outer: sc, client: sc.client, runner: sp}
		case operation(sp):
			if e := s.end(sp, sc); e != nil {
				ends[sp.Seq] = e
				e.add(sp)
			} else if sp.Name == semconv.SpanClose {
				s.strays = append(s.strays, sp)
			}
		}
		scopes[sp.Seq] = sc
		if run := s.runners[sp.Seq]; run != nil && sp.Failed() && sp != run.Life() {
			s.failed[run] = append(s.failed[run], sp)
		}
	}
	s.countClients()
	return s
}

// countClients notes which clients have a name in common.
func (s *scene) countClients() {
	count := make(map[string]int)
	for _, e := range s.ends {
		if !e.server() {
			count[e.handshake.Service]++
		}
	}
	for _, e := range s.ends {
		e.several = !e.server() && count[e.handshake.Service] > 1
	}
}

// pair notes which wake follows each block of an operation.
func pair(tiles, wakes []*chain.Span) {
	var last *chain.Span
	for _, c := range tiles {
		switch c.Name {
		case semconv.SpanBlock:
			last = c
		case semconv.SpanWake:
			if last != nil {
				wakes[last.Seq] = c
			}
			last = nil
		}
	}
}

// established reports whether a handshake made a connection.
func established(s *chain.Span) bool {
	return !s.Failed() && s.Int(semconv.HTTPResponseStatusCodeKey) == http.StatusSwitchingProtocols
}

// shake adds a handshake in the scope sc, and the end of the connection that it
// made, if it did. It returns the scope of what is below it.
func (s *scene) shake(h *chain.Span, sc *scope, ends []*end) *scope {
	own := &scope{outer: sc, client: sc.client, runner: sc.runner}
	if !server(h) {
		own.client = h
	} else if c := client(h, sc); c != nil && s.other[c] == nil {
		s.other[h], s.other[c] = c, h
	}
	if !established(h) {
		return own
	}
	e := &end{handshake: h}
	if c := s.other[h]; c != nil && ends[c.Seq] != nil {
		e.peer, ends[c.Seq].peer = ends[c.Seq], e
	}
	ends[h.Seq] = e
	if id := h.Str(semconv.WebSocketConnectionIDKey); id != "" {
		s.ids[id] = e
	}
	s.ends = append(s.ends, e)
	sc.made = append(sc.made, e)
	own.outer, own.below = nil, e
	return own
}

// client returns the client's side of a server's handshake in the scope sc: above
// it or, at a public endpoint, what it links to.
func client(h *chain.Span, sc *scope) *chain.Span {
	if c := h.Caller(); h.Parent == nil && c != nil && c.Name == semconv.SpanHandshake {
		return c
	}
	return sc.client
}

// end returns the connection that an operation is on, nil if that is not known:
// the one that it names or, where the trace is of somebody who names none, what
// its place tells.
func (s *scene) end(op *chain.Span, sc *scope) *end {
	if id := op.Str(semconv.WebSocketConnectionIDKey); id != "" {
		return s.ids[id]
	}
	return sc.end()
}

func operation(s *chain.Span) bool {
	switch s.Name {
	case semconv.SpanRead, semconv.SpanWrite, semconv.SpanPing, semconv.SpanPong, semconv.SpanClose:
		return true
	default:
		return false
	}
}

// add adds an operation on the end.
func (e *end) add(s *chain.Span) {
	e.gap = e.gap || suppressed(s)
	e.hidden = e.hidden || suppressed(s)
	switch s.Name {
	case semconv.SpanRead:
		e.reads = append(e.reads, s)
	case semconv.SpanWrite:
		e.writes = append(e.writes, e.next(s))
	case semconv.SpanPong:
		e.pongs = append(e.pongs, s)
	case semconv.SpanClose:
		e.closes = append(e.closes, s)
		e.closed = true
	}
}

func (e *end) next(s *chain.Span) write {
	w := write{Span: s}
	defer func() { e.gap = false }()
	if n := len(e.writes); n > 0 {
		last := e.writes[n-1]
		w.sent, w.before, w.blocked = last.sent, n, last.blocked
		if last.Int(semconv.WebSocketMessageIndexKey) > 0 {
			w.sent = last.Span
		}
		if e.gap { // then it is not known which was the last
			w.sent = nil
		}
		if last.Blocked() > 0 {
			w.blocked++
		}
	}
	return w
}
