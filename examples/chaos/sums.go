package main

import (
	"go.opentelemetry.io/otel/codes"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
)

// metrics checks that the gauges are 0 again, and that the sums are right.
func (c *checker) metrics(plays []*play) {
	m := c.t.measure()
	for _, name := range []string{string(semconv.MetricOpenConnections), string(semconv.MetricWritesWaiting)} {
		if n := m.values[name]; n != 0 {
			c.report(-1, "%s is %d when all is over (%s, %g)", name, n, c.t.maker, c.t.ratio)
		}
	}
	// The metric counts a message that was received whole, even if its reader was left or
	// failed afterwards.
	var calls, written, read, writtenBytes, readBytes, failed int64
	for _, p := range plays {
		for _, e := range p.ends {
			calls += e.reads.Load() + e.writes.Load()
			written += e.written.Load()
			writtenBytes += e.writtenBytes.Load()
			read += e.received.Load()
			readBytes += e.receivedBytes.Load()
			if p.fault.parts || e.streamed && !p.fault.lossless {
				failed += e.reads.Load() - e.received.Load()
			}
		}
	}
	size := string(semconv.MetricMessageSize)
	if c.t.adds { // every message of its plays is known
		if got := m.counts[size+" transmit"]; got < written {
			c.report(-1, "%s counts %d written, and %d were", size, got, written)
		}
		got := m.counts[size+" receive"]
		if got < read || got > read+failed {
			c.report(-1, "%s counts %d read, and %d to %d were (%s)", size, got, read, read+failed, c.t.maker)
		}
		if sum := m.sums[size+" receive"]; int64(sum) < readBytes || got == read && int64(sum) != readBytes {
			c.report(-1, "%s is %v read, and %d were (%s)", size, sum, readBytes, c.t.maker)
		}
		c.sums(&m, calls)
	}
}

// sums checks that every span was exported or counted as left out. Each block has a wake,
// except one in vain, with which its operation ended; see vain. A run stands for its
// messages and for their blocks, which it counts. What its first message waited for to
// begin was before the run, and no span shows it.
func (c *checker) sums(m *measured, calls int64) {
	var exported, closes, said, locks, vain, before, either, overtaken int64
	for _, e := range c.ends {
		if e.overtaken() && !e.p.volume.blocks {
			overtaken++
		}
	}
	of := func(s *chain.Span) bool {
		switch word(s) {
		case semconv.SpanRead, semconv.SpanWrite, semconv.SpanClose:
			return true
		}
		return false
	}
	for _, s := range c.chain.Spans {
		said += s.Int(semconv.SpansSuppressedKey)
		switch w := word(s); {
		case w == semconv.SpanReads || w == semconv.SpanWrites:
			exported += s.Messages() + 2*blocksOf(s)
			if s.IsRead() {
				before += c.began(s)
			}
		case of(s):
			exported++
			if c.alone(s) {
				either += 2 * blocksOf(s)
				if s.IsRead() {
					before += c.began(s)
				}
			}
			if w == semconv.SpanClose || closeFrame(s) {
				closes++
			}
		case (w == semconv.SpanBlock || w == semconv.SpanWake) && s.Parent != nil && of(s.Parent):
			exported++
			if s.Str(semconv.BlockReasonKey) == string(semconv.ReasonWriteLock) {
				locks++
			}
			if c.vain(s) {
				vain++
			}
		}
	}
	blocks, left := m.counts[semconv.MetricBlockDuration], m.values[semconv.MetricSpansSuppressed]
	most := calls + closes + 2*blocks - vain
	least := most - (m.locks - locks) - overtaken - before - either // as if all blocks that were left out were in vain
	if got := exported + left; got < least || got > most {
		c.report(-1, "%d spans exported and %d left out are not the %d to %d there were: %d calls, %d closes, %d blocks, %d in vain, %d in or before runs (%s)",
			exported, left, least, most, calls, closes, blocks, vain, before+either, c.t.maker)
	}
	// If messages have no spans, no span counts a call that ended after the close.
	if said > left || said < left && c.t.states {
		c.report(-1, "spans say that %d were left out, and %d were (%s)", said, left, c.t.maker)
	}
}

// vain reports whether the operation ended in the block: it waited for a lock and failed,
// or it is a read that was overtaken.
func (c *checker) vain(block *chain.Span) bool {
	op := block.Parent
	if word(block) != semconv.SpanBlock || !block.End.Equal(op.End) {
		return false
	}
	switch block.Str(semconv.BlockReasonKey) {
	case string(semconv.ReasonWriteLock):
		return op.Status.Code == codes.Error
	case string(semconv.ReasonNetRead):
		e := c.ends[op.Str(semconv.WebSocketConnectionIDKey)]
		return op.IsRead() && e != nil && e.overtaken()
	}
	return false
}

// overtaken reports whether a read of the end may end in a block that is not its own. In
// nhooyr's and coder's libraries Close reads the rest of a message, and a read of that
// message waits for a lock. When the read's context ends, or the connection closes, it
// returns before Close.
func (e *end) overtaken() bool { return !e.p.fault.lossless && !e.p.library.contextless }

// blocksOf returns the number of blocks that a span states.
func blocksOf(s *chain.Span) int64 {
	if s.Float(semconv.BlockDurationKey) == 0 {
		return 0
	}
	return max(s.Int(semconv.BlockCountKey), 1)
}

// alone reports whether the span may be a run of one message, which looks like the span of
// any message whose blocks were left out.
func (c *checker) alone(s *chain.Span) bool {
	e := c.ends[s.Str(semconv.WebSocketConnectionIDKey)]
	return e != nil && e.p.volume.runs && len(s.Children) == 0 && !s.Failed()
}

// began returns how many spans, at most, could show what the first message of a run of
// reads waited for to begin: its frame's header, which may arrive in two pieces; with TLS
// the record around that, which may arrive in three; or each byte, if they arrive singly.
func (c *checker) began(s *chain.Span) int64 {
	e := c.ends[s.Str(semconv.WebSocketConnectionIDKey)]
	switch {
	case e == nil:
		return 0
	case e.p.tls:
		return 2 * 4
	case e.p.fault.dribbles:
		return 2 * 14
	}
	return 2 * 2
}
