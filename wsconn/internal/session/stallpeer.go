package session

import (
	"context"
	"slices"
	"time"

	oteltrace "go.opentelemetry.io/otel/trace"

	core "github.com/wakechain/wakechain/internal/op"
	"github.com/wakechain/wakechain/trace/semconv"
)

// peerAsked is called when a trace pong of the peer asks for the history, in the trace
// of its own stall.
func (c *stallConn) peerAsked(by oteltrace.SpanContext) {
	r := stalledRecords.Get().(*stalled)
	r.c, r.peer = c, by
	if a := c.away; a != nil && a.to != 0 {
		r.from, r.to = a.from, a.to
		r.rings = [2][]uint64{slices.Clone(a.rings[inward]), slices.Clone(a.rings[outward])}
		a.to = 0 // report it once
	} else {
		r.rings = [2][]uint64{c.in.entries(nil), c.out.entries(nil)}
	}
	c.st.add(inward, r)
}

// reportToPeer reports the history in the peer's trace, over the time in which the
// library did not read, if there was one.
func (st *stalls) reportToPeer(r *stalled) {
	defer r.free()
	attrs, ok := st.allow(stallPeer)
	if !ok {
		return
	}
	start, end := clockTime(r.from), clockTime(r.to)
	if r.to != 0 {
		attrs = append(attrs, semconv.WebSocketReaderAwayKey.Float64(end.Sub(start).Seconds()))
	} else if start, end = extent(r.rings); start.IsZero() {
		return
	}
	attrs = appendRings(st.appendConnection(attrs), r.rings, start)
	ctx := oteltrace.ContextWithRemoteSpanContext(core.MarkStall(context.Background()), r.peer)
	_, s := core.Of(st.reporter()).Span(ctx, semconv.SpanHistory, start, oteltrace.WithAttributes(attrs...), oteltrace.WithLinks(handshakeLink(st.s)...))
	if s != nil {
		s.End(oteltrace.WithTimestamp(end))
	}
}

// extent returns the times of the first and the last entry; zero times if there are
// none.
func extent(rings [2][]uint64) (first, last time.Time) {
	for _, ring := range rings {
		for _, e := range ring {
			at := entryTime(e)
			if first.IsZero() || at.Before(first) {
				first = at
			}
			if at.After(last) {
				last = at
			}
		}
	}
	return first, last
}
