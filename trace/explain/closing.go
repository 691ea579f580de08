package explain

import (
	"time"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
)

// unansweredCloses finds the close frames that this side sent and waited for long
// to be answered.
func unansweredCloses(s *scene) []Finding {
	var found []Finding
	for _, e := range s.ends {
		for _, c := range e.closes {
			completed, ok := c.Attr(semconv.WebSocketCloseCompletedKey)
			if !ok || completed.AsBool() || c.Str(semconv.WebSocketCloseInitiatorKey) != "local" || s.told[c] {
				continue
			}
			until := c.End
			if e.peer != nil && len(e.peer.closes) > 0 { // then it was gone
				until = earliest(until, e.peer.closes[0].Start)
			}
			if waited := until.Sub(c.Start); waited >= long {
				found = append(found, s.unansweredClose(e, c, waited))
			}
		}
	}
	return found
}

func (s *scene) unansweredClose(e *end, c *chain.Span, waited time.Duration) Finding {
	who := s.who(c, e, "this side")
	said := "It sent the code " + plain(c.Str(semconv.WebSocketCloseCodeKey)) + ", and gave up"
	if why := failureOf(c); why != "" {
		said += " with " + why
	}
	said += s.endedWith(c) + "."
	if p := e.peer; p != nil && !p.hidden {
		reads := newBusy(p.reads)
		if !reads.during(c.Start, c.End) {
			said += " The trace has no read of " + p.name() + " in that time."
		}
	}
	s.tell(c)
	spans := []*chain.Span{c}
	if e.peer != nil {
		spans = append(spans, e.peer.Handshake)
	}
	return Finding{
		Rule: CloseUnanswered, Severity: Warning, Headline: headline("%s waited "+duration(waited)+" for %s to answer its close frame, in vain", who, e.peerInShort()),
		Text: said, Advice: "Look at whether the peer reads: only who reads answers a close frame. Where that is not worth the wait, " +
			"call CloseNow.",
		Spans: spans, At: c.Start.Sub(s.start), Count: 1, Total: waited,
	}
}

// normalEnds notes that what a normal closing handshake ended needs no finding: the
// operations that were in progress then, or that came after it, and the goroutines
// that ended with them.
func (s *scene) normalEnds() {
	for _, e := range s.ends {
		var since time.Time
		for _, c := range e.closes {
			if completed, _ := c.Attr(semconv.WebSocketCloseCompletedKey); completed.AsBool() && !c.Failed() {
				since = c.Start
				break
			}
		}
		if since.IsZero() {
			continue
		}
		tell := func(op *chain.Span) {
			switch typ := op.Str(semconv.ErrorTypeKey); {
			case typ == semconv.ErrorClosed && !op.End.Before(since.Add(-noticeable)): // the library may know of it a little before
				s.tell(op)
			case goneErrors[typ] && !op.End.Before(since):
				s.tell(op)
			}
			// A call on a connection that has ended has no span.
			run := op.Goroutine()
			if run == nil || run.Life() == nil || run.Life().Str(semconv.ErrorTypeKey) != semconv.ErrorClosed || run.Life().End.Before(since) {
				return
			}
			if s.lastFailed(run) == nil {
				s.tell(run.Life())
			}
		}
		for _, r := range e.reads {
			tell(r)
		}
		for _, w := range e.writes {
			tell(w.Span)
		}
		for _, b := range e.blocks {
			if b.reason() == semconv.ReasonWriteLock && b.op != nil && s.told[b.op] { // the library wrote its close frame
				s.tell(b.Span)
			}
		}
	}
}
