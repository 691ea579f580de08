package explain

import (
	"cmp"
	"slices"
	"time"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
)

// scene is a chain, prepared for the rules. All lists are in the order of the chain.
type scene struct {
	start, last time.Time // of the chain
	spans       []*chain.Span
	ends        []*end
	blocks      []*block
	stuck       []*block // from stalled spans: in progress when the chain ends
	handshakes  []*chain.Span
	launches    []*chain.Span // of goroutines
	strays      []*chain.Span // closes of connections without a handshake

	endOf map[*chain.Connection]*end

	namesakes map[string]int // number of goroutines with each name

	failed map[*chain.Span][]*chain.Span // failed operations, by their goroutine

	reported map[*chain.Span]bool // spans that a finding reports; see report
}

// report marks spans as reported, so that later rules skip them.
func (s *scene) report(spans ...*chain.Span) {
	for _, sp := range spans {
		if sp != nil {
			s.reported[sp] = true
		}
	}
}

// end is one end of a connection, with the operations on it.
type end struct {
	*chain.Connection

	reads, pongs, closes []*chain.Span
	writes               []write
	blocks               []*block

	peer    *end // nil: not in the chain
	several bool // one of several clients with this service name
	memory  bool // the connection is in memory
	hidden  bool // spans were left out
	gap     bool // only while the scene is built: spans were left out since the end's last write
}

func server(handshake *chain.Span) bool { return handshake.Kind == oteltrace.SpanKindServer }

// write is a write, and the numbers of those before it on its connection.
type write struct {
	*chain.Span
	sent    *chain.Span // the last one before that has a message index; nil: none, or unknown
	before  int         // number of writes before it in the trace
	blocked int         // how many of these blocked
}

// block is a block and the spans that belong to it.
type block struct {
	*chain.Span
	op      *chain.Span
	wake    *chain.Span // nil: not in the chain
	end     *end        // nil: unknown
	runner  *chain.Span // nil: unknown
	stalled *chain.Span // of a block in progress: its span stalled
}

func (b *block) reason() semconv.Reason { return semconv.Reason(b.Str(semconv.BlockReasonKey)) }

func (b *block) cause() semconv.Cause { return semconv.Cause(b.Str(semconv.BlockCauseKey)) }

// woken returns the reason of the wake, or "" if the chain has no wake.
func (b *block) woken() semconv.WakeReason {
	if b.wake == nil {
		return ""
	}
	return semconv.WakeReason(b.wake.Str(semconv.WakeReasonKey))
}

// spans returns the evidence of a finding about the block.
func (b *block) spans() []*chain.Span {
	var spans []*chain.Span
	for _, s := range []*chain.Span{b.op, b.Span, b.wake, b.Waker()} {
		if s != nil {
			spans = append(spans, s)
		}
	}
	return spans
}

// write returns the write that was blocked, or nil if the operation is no write or its end
// is unknown.
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

// place returns what repeated blocks of one finding share: the end of a connection, or else
// the goroutine, or else the operation's parent, or else the process.
func (b *block) place() any {
	switch {
	case b.end != nil:
		return b.end
	case b.runner != nil:
		return b.runner
	case b.op != nil && b.op.Parent != nil:
		return b.op.Parent
	default:
		return b.Process()
	}
}

func newScene(c *chain.Chain) *scene {
	s := &scene{
		start: c.Start(), last: c.End(), spans: c.Spans, endOf: make(map[*chain.Connection]*end), namesakes: make(map[string]int),
		failed: make(map[*chain.Span][]*chain.Span), reported: make(map[*chain.Span]bool),
	}
	for _, sp := range c.Spans {
		s.add(sp)
		if run := sp.Goroutine(); run != nil && sp.Failed() && !sp.IsGoroutine() && sp != run.Rest() {
			s.failed[run] = append(s.failed[run], sp)
		}
	}
	for _, e := range s.ends {
		e.peer = s.endOf[e.Peer]
	}
	s.countClients()
	return s
}

func (s *scene) add(sp *chain.Span) {
	switch {
	case sp.Is(semconv.SpanHandshake):
		s.handshakes = append(s.handshakes, sp)
		s.end(sp)
	case sp.Is(semconv.SpanSegment):
		if e := s.end(sp); e != nil && suppressed(sp) {
			e.gap, e.hidden = true, true
		}
	case sp.Is(semconv.SpanBlock):
		b := &block{Span: sp, op: sp.Parent, wake: sp.Wake(), runner: sp.Goroutine()}
		if b.op != nil && (b.op.OnConnection() || b.op.Established()) {
			b.end = s.end(b.op)
		}
		if b.end != nil {
			b.end.blocks = append(b.end.blocks, b)
			b.end.memory = b.end.memory || b.Str(semconv.BlockSourceKey) == string(semconv.SourceMemory)
		}
		s.blocks = append(s.blocks, b)
	case sp.Name == semconv.SpanStalled:
		if b := s.inProgress(sp); b != nil {
			s.stuck = append(s.stuck, b)
		}
	case sp.IsGoroutine():
		s.launches = append(s.launches, sp)
		s.namesakes[sp.Name]++
	case sp.OnConnection():
		if e := s.end(sp); e != nil {
			e.add(sp)
		}
		if c := sp.Connection(); sp.Name == semconv.SpanClose && (c == nil || c.Handshake == nil) {
			s.strays = append(s.strays, sp)
		}
	}
}

// end returns the end of the connection that the span is on, or nil if it is unknown.
func (s *scene) end(sp *chain.Span) *end {
	c := sp.Connection()
	if c == nil {
		return nil
	}
	e := s.endOf[c]
	if e == nil {
		e = &end{Connection: c}
		s.endOf[c] = e
		if c.Handshake != nil {
			s.ends = append(s.ends, e)
		}
	}
	return e
}

// suppressed reports whether spans before s were left out.
func suppressed(s *chain.Span) bool { return s.Int(semconv.SpansSuppressedKey) > 0 }

// countClients sets several on clients with the same service name.
func (s *scene) countClients() {
	count := make(map[string]int)
	for _, e := range s.ends {
		if !e.Server() {
			count[e.First.Service]++
		}
	}
	for _, e := range s.ends {
		e.several = !e.Server() && count[e.First.Service] > 1
	}
}

// add adds an operation on the end.
func (e *end) add(s *chain.Span) {
	e.gap = e.gap || suppressed(s)
	e.hidden = e.hidden || suppressed(s)
	switch s.Name {
	case semconv.SpanRead, semconv.SpanReads:
		e.reads = append(e.reads, s)
	case semconv.SpanWrite, semconv.SpanWrites:
		e.writes = append(e.writes, e.next(s))
	case semconv.SpanPong:
		e.pongs = append(e.pongs, s)
	case semconv.SpanClose:
		e.closes = append(e.closes, s)
	}
}

func (e *end) next(s *chain.Span) write {
	w := write{Span: s}
	defer func() { e.gap = false }()
	if n := len(e.writes); n > 0 {
		last := e.writes[n-1]
		w.sent, w.before, w.blocked = last.sent, last.before+int(max(last.Messages(), 1)), last.blocked
		if _, sent := last.Indexes(); sent > 0 {
			w.sent = last.Span
		}
		if e.gap { // then the last one is unknown
			w.sent = nil
		}
		if last.Blocked() > 0 { // for a run, at most once per message
			w.blocked += int(min(max(last.Int(semconv.BlockCountKey), 1), max(last.Messages(), 1)))
		}
	}
	return w
}

// lastIndex returns the index of the last message of a read, a write or a run of them, or 0
// if it is unknown.
func lastIndex(s *chain.Span) int64 {
	_, last := s.Indexes()
	return last
}
