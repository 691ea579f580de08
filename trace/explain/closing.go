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
	text := "It sent the code " + plain(c.Str(semconv.WebSocketCloseCodeKey)) + ", and gave up"
	if why := failureOf(c); why != "" {
		text += " with " + why
	}
	text += s.endedWith(c) + "."
	if p := e.peer; p != nil && !p.hidden {
		reads := newBusy(p.reads)
		if !reads.during(c.Start, c.End) {
			text += " The trace has no read of " + p.name() + " in that time."
		}
	}
	s.tell(c)
	spans := []*chain.Span{c}
	if e.peer != nil {
		spans = append(spans, e.peer.handshake)
	}
	return Finding{
		Rule: CloseUnanswered, Severity: Warning, Headline: headline("%s waited "+duration(waited)+" for %s to answer its close frame, in vain", who, e.peerInShort()),
		Text: text, Advice: "Look at whether the peer reads: only who reads answers a close frame. Where that is not worth the wait, " +
			"call CloseNow.",
		Spans: spans, At: c.Start.Sub(s.start), Count: 1, Total: waited,
	}
}
