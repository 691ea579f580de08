package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/otel/codes"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
)

// checker checks the spans and metrics of one telemetry against the calls.
type checker struct {
	t      *telemetry
	ends   map[string]*end // by websocket.connection.id
	plays  map[oteltrace.TraceID]int
	chain  *chain.Chain
	shook  map[oteltrace.SpanID]bool // handshakes
	report func(index int, format string, args ...any)

	counts map[*end]map[string]int // of recorded operations, by the first word of their name
}

// check checks a telemetry when all plays have ended and everything has been exported. It
// returns the number of spans.
func check(t *telemetry, plays []*play, report func(index int, format string, args ...any)) (spans int) {
	c := &checker{t: t, ends: map[string]*end{}, plays: map[oteltrace.TraceID]int{}, shook: map[oteltrace.SpanID]bool{}, report: report, counts: map[*end]map[string]int{}}
	for _, p := range plays {
		c.plays[p.trace] = p.index
		for _, e := range p.ends {
			if e.conn != nil && e.recorded {
				c.ends[e.id] = e
				c.counts[e] = map[string]int{}
			}
		}
	}
	all := chain.FromSpans(t.exported.spans)
	t.exported.spans = nil
	c.unique(all)
	c.chain = chain.New(all, chain.WithoutSkewCorrection())
	for _, s := range c.chain.Spans {
		if e := c.ends[s.Str(semconv.WebSocketConnectionIDKey)]; e != nil {
			c.plays[s.TraceID] = e.p.index
		}
	}
	for _, s := range c.chain.Named(semconv.SpanHandshake) {
		c.shook[s.SpanID] = true
	}
	for _, s := range c.chain.Spans {
		c.span(s)
	}
	for e, recorded := range c.counts {
		c.calls(e, recorded)
	}
	c.metrics(plays)
	return len(all)
}

// word returns the first word of a span's name, which is its kind.
func word(s *chain.Span) string {
	w, _, _ := strings.Cut(s.Name, " ")
	return w
}

func (c *checker) fault(s *chain.Span, format string, args ...any) {
	index, ok := c.plays[s.TraceID]
	if !ok {
		index = -1
	}
	c.report(index, "%s (%s, %s): %s", s, s.SpanID, c.t.maker, fmt.Sprintf(format, args...))
}

// unique checks that no two spans have the same ID.
func (c *checker) unique(spans []chain.Span) {
	type id struct {
		trace oteltrace.TraceID
		span  oteltrace.SpanID
	}
	seen := map[id]bool{}
	for i := range spans {
		s := &spans[i]
		if seen[id{s.TraceID, s.SpanID}] {
			c.fault(s, "the same id twice")
		}
		seen[id{s.TraceID, s.SpanID}] = true
	}
}

func forged(id oteltrace.TraceID) bool { return strings.HasPrefix(string(id[:]), forgedTrace) }

// span checks what must hold for every span.
func (c *checker) span(s *chain.Span) {
	if s.End.IsZero() || s.End.Before(s.Start) {
		c.fault(s, "from %v to %v", s.Start, s.End)
	}
	// The root of a later trace of a connection may name the handshake as its parent, so
	// that the sampler decides in the same way.
	if s.ParentID.IsValid() && s.Parent == nil && !forged(s.TraceID) && !c.shook[s.ParentID] {
		c.fault(s, "its parent %s is nowhere", s.ParentID)
	}
	if failed := s.Str(semconv.ErrorTypeKey) != ""; failed != (s.Status.Code == codes.Error) {
		c.fault(s, "error.type %q with the status %v", s.Str(semconv.ErrorTypeKey), s.Status.Code)
	}
	switch word(s) {
	case semconv.SpanBlock, semconv.SpanWake:
		return
	}
	c.tiles(s)
	e := c.ends[s.Str(semconv.WebSocketConnectionIDKey)]
	if e == nil {
		switch word(s) {
		case semconv.SpanRead, semconv.SpanWrite, semconv.SpanReads, semconv.SpanWrites, semconv.SpanPing, semconv.SpanPong, semconv.SpanClose:
			if !c.raw(s) {
				c.fault(s, "of no connection that is known: %q", s.Str(semconv.WebSocketConnectionIDKey))
			}
		}
		return
	}
	if closeFrame(s) {
		return
	}
	c.counts[e][word(s)]++
	switch word(s) {
	case semconv.SpanRead:
		c.read(s, e)
	case semconv.SpanWrite:
		c.message(s, e)
	case semconv.SpanReads:
		c.run(s, e)
		c.counts[e][semconv.SpanRead] += int(s.Messages())
	case semconv.SpanWrites:
		c.run(s, e)
		c.counts[e][semconv.SpanWrite] += int(s.Messages())
	}
}

// run checks a run: it has the number of messages that its indexes show, none of them has
// another span, and it took about a second at most.
func (c *checker) run(s *chain.Span, e *end) {
	first, last := s.Indexes()
	name := semconv.SpanWrite
	if s.IsRead() {
		name = semconv.SpanRead
	}
	if n := s.Int(semconv.WebSocketRunMessagesKey); first > 0 && n != last-first+1 || n < 1 || n > 1000 {
		c.fault(s, "is of %d messages, %d to %d", n, first, last)
	}
	for i := first; i <= last && i > 0; i++ {
		key := fmt.Sprint(name, " #", i)
		if c.counts[e][key]++; c.counts[e][key] > 1 {
			c.fault(s, "there are two with the index %d", i)
		}
	}
	longest := s.Seconds(semconv.WebSocketRunLongestKey)
	// On a busy machine the timer that ends a run is late.
	late := 100*time.Millisecond + 2*time.Duration(e.p.stage.late.Load())
	if s.Duration() > time.Second+longest+late || longest > s.Duration() || s.Failed() {
		c.fault(s, "took %v, the longest of it %v", s.Duration(), longest)
	}
}

// closeFrame reports whether the span is the write of a close frame by the program, which
// libraries without a closing handshake leave to it.
func closeFrame(s *chain.Span) bool {
	return word(s) == semconv.SpanWrite && s.Str(semconv.WebSocketMessageTypeKey) == "close"
}

// raw reports whether the span's trace is forged, as it is only if a play has no client.
func (c *checker) raw(s *chain.Span) bool { return forged(s.TraceID) }

// tiles checks the blocks and wakes of an operation: they alternate without gaps, end with
// the operation, and do not exceed its totals.
func (c *checker) tiles(s *chain.Span) {
	var last *chain.Span
	blocks, sum := int64(0), time.Duration(0)
	for _, t := range s.Children {
		w := word(t)
		if w != semconv.SpanBlock && w != semconv.SpanWake {
			continue
		}
		if w == semconv.SpanBlock {
			blocks++
			sum += t.Duration()
		}
		switch {
		case last == nil && (w == semconv.SpanWake || t.Start.Before(s.Start)):
			c.fault(s, "begins with %s, %v before it", t, s.Start.Sub(t.Start))
		case last != nil && word(last) == w:
			c.fault(s, "%s follows %s", t, last)
		case last != nil && !t.Start.Equal(last.End):
			c.fault(s, "%s begins %v after %s", t, t.Start.Sub(last.End), last)
		}
		last = t
	}
	if last != nil && !last.End.Equal(s.End) {
		c.fault(s, "%s ends %v before it", last, s.End.Sub(last.End))
	}
	count := s.Int(semconv.BlockCountKey)
	if _, blocked := s.Attr(semconv.BlockDurationKey); blocked && count == 0 {
		count = 1
	}
	total := s.Float(semconv.BlockDurationKey)
	switch {
	case blocks > count && count > 0, blocks > 0 && count == 0:
		c.fault(s, "has %d blocks, and block.count %d", blocks, count)
	case sum.Seconds() > total+1e-6:
		c.fault(s, "was blocked for %v in its blocks, and for %v s in all", sum, total)
	}
	if e := c.ends[s.Str(semconv.WebSocketConnectionIDKey)]; e != nil && e.p.volume.blocks && e.p.minBlock == 0 && blocks != count {
		c.fault(s, "has %d blocks, and block.count %d, with nothing left out", blocks, count)
	}
}

// message checks that no other message of the direction has the same index.
func (c *checker) message(s *chain.Span, e *end) {
	index := s.Int(semconv.WebSocketMessageIndexKey)
	if index == 0 {
		return
	}
	key := fmt.Sprint(s.Name, " #", index)
	if c.counts[e][key]++; c.counts[e][key] > 1 {
		c.fault(s, "there are two with the index %d", index)
	}
}

// read checks the links of a read. It links to the write of its message, which is the
// peer's, and has the same index and size. If trace pongs were forged, it may link to a
// forged span; if garbage followed the first half of a trace pong, to no span.
func (c *checker) read(s *chain.Span, e *end) {
	c.message(s, e)
	index := s.Int(semconv.WebSocketMessageIndexKey)
	peer := e.peer()
	for _, holder := range append(slices.Clone(s.Children), s) {
		if w := word(holder); holder != s && w != semconv.SpanWake {
			continue
		}
		for _, l := range holder.Links {
			to := l.Span
			switch {
			case forged(l.SpanContext.TraceID()):
				if !e.p.forges() {
					c.fault(holder, "links to %v, which nobody has forged", l.SpanContext.SpanID())
				}
			case to == nil:
				if peer.recorded && !e.p.fault.garbles {
					c.fault(holder, "links to %v, which is nowhere", l.SpanContext.SpanID())
				}
			case !to.IsWrite() || holder != s:
			case to.Str(semconv.WebSocketConnectionIDKey) != peer.id:
				c.fault(s, "links to %s of %s, and not of its peer %s", to, to.Str(semconv.WebSocketConnectionIDKey), peer.id)
			case index > 0 && number(to) > 0 && !to.Has(index):
				c.fault(s, "of message %d links to the write of message %d", index, number(to))
			case index > 0 && to.Int(semconv.WebSocketMessageIndexKey) == index && word(to) == semconv.SpanWrite && !e.p.garbles():
				c.sizes(s, to, e)
			}
		}
	}
	if e.p.fault.lossless && !e.p.forges() && e.p.volume.messages && peer.recorded && index > 0 && !linked(s) {
		if !e.p.public {
			c.fault(s, "of message %d links to no write", index)
		}
	}
}

// sizes checks that a read and the write of its message have the same size. A read that
// was left before the end of its message has taken no more.
func (c *checker) sizes(read, write *chain.Span, e *end) {
	size, known := read.Attr(semconv.WebSocketMessageSizeKey)
	failed := read.Str(semconv.ErrorTypeKey) != ""
	taken, left := read.Attr(semconv.WebSocketMessageTakenKey)
	switch {
	case failed:
		return
	case !known && (!left || !e.p.compress):
		c.fault(read, "says no size, though it succeeded")
	case known && size.AsInt64() != write.Int(semconv.WebSocketMessageSizeKey):
		c.fault(read, "of %d bytes links to the write of %d", size.AsInt64(), write.Int(semconv.WebSocketMessageSizeKey))
	}
	if left && taken.AsInt64() > write.Int(semconv.WebSocketMessageSizeKey) {
		c.fault(read, "has taken %d bytes of %d", taken.AsInt64(), write.Int(semconv.WebSocketMessageSizeKey))
	}
	if left && !e.p.fault.parts && (!e.streamed || e.p.fault.lossless) {
		c.fault(read, "has left its message, which nobody did")
	}
}

func linked(s *chain.Span) bool {
	return slices.ContainsFunc(s.Links, func(l chain.Link) bool { return l.Span != nil && l.Span.IsWrite() })
}

// number returns the index of the first message of a span.
func number(s *chain.Span) int64 {
	first, _ := s.Indexes()
	return first
}

// forges reports whether trace pongs are forged in the play.
func (p *plan) forges() bool {
	return strings.Contains(p.fault.name, "forged") || p.fault.raw != nil || strings.Contains(p.fault.name, "no handshake")
}

// calls checks that every call has one span or is in a run, if nothing is left out.
func (c *checker) calls(e *end, recorded map[string]int) {
	want := map[string]int64{semconv.SpanHandshake: 1}
	if e.p.volume.messages {
		want[semconv.SpanRead], want[semconv.SpanWrite] = e.reads.Load(), e.writes.Load()
	}
	want[semconv.SpanPing] = e.pings.Load()
	if e.p.fault.raw == nil {
		want[semconv.SpanClose] = 1
	}
	for name, n := range want {
		if got := int64(recorded[name]); got != n {
			c.report(e.p.index, "the %s has %d spans %s, and %d were called (%v)", e.name, got, name, n, &e.p.plan)
		}
	}
}
