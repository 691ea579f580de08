package schedread

import (
	"cmp"
	"net"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
)

// Join returns the waits inside spans as children of these. Pass both to chain.New. A wait
// is inside the innermost open span of its goroutine, according to the trace's annotations
// (see package trace/sched/annotator). If a goroutine has none, but was started inside a
// span that is still open, its waits are below its own span, and that is below the open
// one.
//
// A block that wakechain recorded itself is left out, because its own span has more
// details. A span gets nothing below it if it began before the trace, or is missing in
// spans. So spans may be a part, such as one trace. The service and the resource are those
// of the span.
func (t *Trace) Join(spans []chain.Span) []chain.Span {
	k := newKnown(spans)
	b := newBuilder(t)
	var inside []*park
	launched := make(map[int64]bool)
	for _, p := range t.parks {
		if k.spans[p.in] == nil || k.covers(t, p) {
			continue
		}
		inside = append(inside, p)
		if p.inherited && !launched[p.g.id] {
			launched[p.g.id] = true
			b.of(k.spans[p.in]).launch(p.g, p.in)
		}
	}
	for _, p := range inside {
		below, by := p.in, p.byIn
		if p.inherited {
			below.span = b.launchID(p.g.id)
		}
		switch {
		case k.spans[by] == nil, p.byInherited && !launched[p.waker]:
			by = ref{}
		case p.byInherited:
			by.span = b.launchID(p.waker)
		}
		b.of(k.spans[p.in]).park(p, below, by)
	}
	return b.spans
}

// covers reports whether a span of wakechain describes the same park.
func (k *known) covers(t *Trace, p *park) bool {
	from, to := t.at(p.start), t.at(p.start+p.took(t.end))
	return k.blocks[p.in].has(from, to) || k.connections[way{p.local, p.remote, p.reason}].has(from, to)
}

// known is an index of spans.
type known struct {
	spans       map[ref]*chain.Span
	blocks      map[ref]*intervals // blocks of each span, and of those below it on its goroutine
	connections map[way]*intervals // blocks of each direction of a connection
}

// way is a direction of a connection.
type way struct {
	local, remote string
	reason        semconv.Reason
}

func newKnown(spans []chain.Span) *known {
	k := &known{make(map[ref]*chain.Span, len(spans)), make(map[ref]*intervals), make(map[way]*intervals)}
	ends := make(map[string]way) // by the connection's id
	for i := range spans {
		s := &spans[i]
		k.spans[ref{s.TraceID, s.SpanID}] = s
		if s.Is(semconv.SpanHandshake) {
			local, remote := addressOf(s, semconv.NetworkLocalAddressKey, semconv.NetworkLocalPortKey), addressOf(s, semconv.NetworkPeerAddressKey, semconv.NetworkPeerPortKey)
			if id := s.Str(semconv.WebSocketConnectionIDKey); id != "" && local != "" && remote != "" {
				ends[id] = way{local: local, remote: remote}
			}
		}
	}
	for i := range spans {
		b := &spans[i]
		if !b.Is(semconv.SpanBlock) || b.End.IsZero() {
			continue
		}
		if op := k.spans[ref{b.TraceID, b.ParentID}]; op != nil {
			if w, ok := ends[op.Str(semconv.WebSocketConnectionIDKey)]; ok {
				w.reason = semconv.Reason(b.Str(semconv.BlockReasonKey))
				add(k.connections, w, b)
			}
		}
		k.above(b)
	}
	for _, all := range k.blocks {
		all.sort()
	}
	for _, all := range k.connections {
		all.sort()
	}
	return k
}

// above adds a block to the spans that it is in, up to its goroutine's.
func (k *known) above(b *chain.Span) {
	at := ref{b.TraceID, b.ParentID}
	for range maxDepth {
		s := k.spans[at]
		if s == nil {
			return
		}
		add(k.blocks, at, b)
		if s.IsGoroutine() {
			return
		}
		at.span = s.ParentID
	}
}

// maxDepth is how deep below a span blocks are found.
const maxDepth = 16

func addressOf(s *chain.Span, address, port attribute.Key) string {
	if s.Str(address) == "" {
		return ""
	}
	return net.JoinHostPort(s.Str(address), s.Str(port))
}

// intervals are the times of blocks, in order.
type intervals struct{ all []interval }

type interval struct{ start, end time.Time }

func add[K comparable](m map[K]*intervals, key K, b *chain.Span) {
	if m[key] == nil {
		m[key] = &intervals{}
	}
	m[key].all = append(m[key].all, interval{b.Start, b.End})
}

func (is *intervals) sort() {
	slices.SortFunc(is.all, func(a, b interval) int { return cmp.Or(a.start.Compare(b.start), a.end.Compare(b.end)) })
}

const (
	// clockError is the maximum difference between the trace's clock and that of spans.
	clockError = 100 * time.Microsecond

	// reaction is how much earlier than its park a block may begin, and how much later it
	// may end: the goroutine runs in between, or waits to run.
	reaction = 20 * time.Millisecond
)

// has reports whether one of the blocks is the park between the given times.
func (is *intervals) has(from, to time.Time) bool {
	if is == nil {
		return false
	}
	middle := from.Add(to.Sub(from) / 2)
	i, _ := slices.BinarySearchFunc(is.all, from.Add(-reaction), func(one interval, at time.Time) int {
		return cmp.Or(one.start.Compare(at), 1)
	})
	for ; i < len(is.all) && !is.all[i].start.After(from.Add(clockError)); i++ {
		if end := is.all[i].end; !end.Before(middle) && !end.After(to.Add(reaction)) {
			return true
		}
	}
	return false
}
