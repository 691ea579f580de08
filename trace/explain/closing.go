package explain

import (
	"time"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
)

// unansweredCloses finds the close frames from this side that were not answered for long.
func unansweredCloses(s *scene) []Finding {
	var found []Finding
	for _, e := range s.ends {
		var longest *chain.Span
		var most, total time.Duration
		var first time.Time
		count := 0
		for _, c := range e.closes {
			completed, ok := c.Attr(semconv.WebSocketCloseCompletedKey)
			if !ok || completed.AsBool() || c.Str(semconv.WebSocketCloseInitiatorKey) != "local" || s.reported[c] {
				continue
			}
			until := c.End
			if e.peer != nil && len(e.peer.closes) > 0 { // the peer was gone then
				until = earliest(until, e.peer.closes[0].Start)
			}
			waited := until.Sub(c.Start)
			if waited < long {
				continue
			}
			if count++; count == 1 {
				first = c.Start
			}
			total = chain.Sum(total, waited)
			if waited > most {
				longest, most = c, waited
			}
			s.report(c)
		}
		if count > 0 {
			f := s.unansweredClose(e, longest, most)
			f.At, f.Count, f.Total = first.Sub(s.start), count, total
			found = append(found, f)
		}
	}
	return found
}

// unansweredClose reports the close that waited longest.
func (s *scene) unansweredClose(e *end, c *chain.Span, waited time.Duration) Finding {
	said := "It sent the code " + plain(c.Str(semconv.WebSocketCloseCodeKey)) + ", and gave up"
	if why := failureOf(c); why != "" {
		said += " with " + why
	}
	said += s.endedWith(c) + "."
	spans := []*chain.Span{c}
	if p := e.peer; p != nil {
		spans = append(spans, p.Handshake)
		if reads := newBusy(p.reads); !p.hidden && !reads.during(c.Start, c.End) {
			said += " The trace has no read of " + p.name() + " in that time."
		}
	}
	return Finding{
		Rule: CloseUnanswered, Severity: Warning, Text: said, Spans: spans,
		Headline: headline("%s waited "+duration(waited)+" for %s to answer its close frame, in vain", s.who(c, e, "this side"), e.peerInShort()),
		Advice: "Look at whether the peer reads: only who reads answers a close frame. Where that is not worth the wait, " +
			"call CloseNow.",
	}
}

// normalEnds marks as reported what a normal closing handshake ended: the operations that
// were in progress or began later, and the goroutines that ended with them.
func (s *scene) normalEnds() {
	for _, e := range s.ends {
		since, ok := e.closedSince()
		if their, both := e.peer.closedSince(); both && (!ok || their.Before(since)) {
			since, ok = their, true // the peer's library answers before this side's program closes
		}
		if !ok {
			continue
		}
		normal := func(op *chain.Span) {
			switch typ := op.Str(semconv.ErrorTypeKey); {
			case typ == semconv.ErrorClosed && !op.End.Before(since.Add(-noticeable)): // the library may report it slightly earlier
				s.report(op)
			case goneErrors[typ] && !op.End.Before(since):
				s.report(op)
			}
			// A call on a connection that has ended has no span.
			run := op.Goroutine()
			if run == nil || run.Life() == nil || run.Life().Str(semconv.ErrorTypeKey) != semconv.ErrorClosed || run.Life().End.Before(since) {
				return
			}
			if s.lastFailed(run) == nil {
				s.report(run.Life())
			}
		}
		for _, r := range e.reads {
			normal(r)
		}
		for _, w := range e.writes {
			normal(w.Span)
		}
		for _, c := range e.closes {
			normal(c)
		}
		for _, b := range e.blocks {
			if b.reason() == semconv.ReasonWriteLock && b.op != nil && s.reported[b.op] { // the library was writing its close frame
				s.report(b.Span)
			}
		}
	}
}

// closedSince returns when the closing handshake that the end completed began. ok is false
// if it completed none.
func (e *end) closedSince() (since time.Time, ok bool) {
	if e == nil {
		return since, false
	}
	for _, c := range e.closes {
		if completed, _ := c.Attr(semconv.WebSocketCloseCompletedKey); completed.AsBool() && !c.Failed() {
			return c.Start, true
		}
	}
	return since, false
}
