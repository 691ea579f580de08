package explain

import (
	"time"

	"github.com/wakechain/wakechain/internal/text"
	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
)

// history describes, in sentences with a space before each, what passed before the block on
// a connection that was not sampled. It returns "" if the trace has no history.
func (b *block) history() (said string) {
	if b.op == nil {
		return ""
	}
	received, sent := b.op.History()
	said = passed("Before that this side", received, sent, b.Start.Sub(b.op.Start))
	for _, h := range b.op.Children {
		if h.Name == semconv.SpanHistory {
			said += b.peerHistory(h)
		}
	}
	return said
}

// peerHistory describes what passed at the other end, according to the span h.
func (b *block) peerHistory(h *chain.Span) (said string) {
	who := "the peer"
	if same, known := chain.SameConnection(b.op, h); known && !same {
		who = "whoever is at the far end, beyond something that stands between,"
	}
	received, sent := h.History()
	if away, known := h.Away(); known {
		both := min(overlap(h, b.Span), b.Duration())
		said = " " + sentence(who) + " reports that it did not read from the connection for " + duration(away) + ", " + duration(both) + " of that during this block."
		during := 0
		for _, p := range sent {
			if p.At > coarse && p.At <= away {
				during += p.Like
			}
		}
		if during > 0 {
			said += " Meanwhile it sent " + text.Counted(during, "message") + "."
		}
		return said + passed("Until then it", received, sent, 0)
	}
	return " " + sentence(who) + " reports no long time in which it did not read from the connection." + passed("It", received, sent, h.Duration()+time.Nanosecond)
}

// span returns a duration between the given words, or "" if it is shorter than a history
// resolves.
func span(d time.Duration, before, behind string) string {
	if d < time.Millisecond {
		return ""
	}
	return before + duration(d) + behind
}

// passed describes what one end had received and sent until the given time since the span
// began.
func passed(who string, received, sent []chain.Passed, until time.Duration) string {
	what := ""
	for _, side := range []struct {
		verb string
		all  []chain.Passed
	}{{"received", received}, {"sent", sent}} {
		var last *chain.Passed
		n := 0
		for i := range side.all {
			if p := &side.all[i]; p.At <= until {
				last = p
				n += p.Like
			}
		}
		if last == nil {
			continue
		}
		if what != "" {
			what += ", and "
		}
		what += side.verb + " "
		if n > 1 {
			what += "its last " + text.Number(n) + " messages or frames" + span(until-side.all[0].At, " in ", "") + ", the last "
		}
		what += plain(last.Kind) + " of " + size(last.Size) + span(until-last.At, ", ", " before")
	}
	if what == "" {
		return ""
	}
	return " " + who + " had " + what + "."
}

// coarse is the resolution of the times in a history.
const coarse = 25 * time.Millisecond
