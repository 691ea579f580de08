package explain

import (
	"fmt"

	"github.com/wakechain/wakechain/internal/text"
	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
)

// stuck are equal blocks that are not over.
type stuck struct {
	repeated
	who map[*chain.Span]bool
}

// stillBlocked finds the blocks that spans named stalled report and whose end is not in the
// chain.
func stillBlocked(s *scene) []Finding {
	type key struct {
		end       *end
		operation string
		reason    semconv.Reason
		cause     semconv.Cause
	}
	all := newGroups[key, stuck]()
	for _, b := range s.stuck {
		st := all.of(key{b.end, b.Str(semconv.StalledOperationKey), b.reason(), b.cause()})
		st.add(b)
		if st.who == nil {
			st.who = map[*chain.Span]bool{}
		}
		st.who[b.runner] = true
	}
	var found []Finding
	for _, st := range all.all {
		found = append(found, st.finding(s))
	}
	return found
}

// inProgress returns the block that a span stalled reports, up to when it was last
// observed. It returns nil if the chain has the block's end.
func (s *scene) inProgress(sp *chain.Span) *block {
	since, ok := sp.StillBlocked()
	if !ok {
		return nil
	}
	seen := *sp
	seen.Start, seen.End = since, sp.Start
	return &block{Span: &seen, end: s.end(sp), runner: sp.Goroutine(), stalled: sp}
}

func (st *stuck) finding(s *scene) Finding {
	b := st.longest
	who := s.who(b.Span, b.end, "one")
	op := plain(b.Str(semconv.StalledOperationKey))
	if op == "" {
		op = plain(string(b.reason()))
	}
	f := st.repeated.finding(s)
	f.Headline = headline("%s was still blocked in %s, for "+duration(b.Duration()), who, op)
	said := fmt.Sprintf("It has been blocked since %s, and the trace does not have the end", offset(b.Start.Sub(s.start)))
	if n := len(st.who); n > 1 {
		f.Headline = headline(text.Number(n)+" goroutines were still blocked in %s, one for "+duration(b.Duration()), op)
		said = fmt.Sprintf("That one, %s, has been blocked since %s, and the trace does not have the end", who, offset(b.Start.Sub(s.start)))
	}
	f.Rule, f.Severity, f.Spans = StillBlocked, Problem, []*chain.Span{b.stalled}
	f.Text = said + st.soFar(b) + "."
	f.Advice = "Look at it while it lasts: live.Handler and live.Snapshot of package trace/live show what it waits for now."
	if w := b.reason(); w == semconv.ReasonFuture || w == semconv.ReasonWaitGroup {
		f.Severity = Info // the wait may be intended
	}
	return f
}

// soFar describes what was known of the block when it was last observed, with the words
// that lead to it, or returns "".
func (st *stuck) soFar(b *block) string {
	said := ""
	switch b.cause() {
	case semconv.CausePeerWindow:
		said += "; the receive window of " + b.end.peerInFull() + " was closed"
		if closed := min(b.Seconds(semconv.TCPRwndLimitedKey), b.Duration()); closed > 0 {
			said += " for " + duration(closed) + " of that"
		}
	case semconv.CauseNetwork:
		said += "; the kernel took the network for congested"
	case semconv.CauseLocalBuffer:
		said += "; the kernel's send buffer was full"
	}
	if written, ok := b.Attr(semconv.TCPWrittenKey); ok {
		said += fmt.Sprintf(". %s had been handed to the kernel before, and %s of them were not acknowledged",
			sentence(size(written.AsInt64())), size(b.Int(semconv.TCPSendQueueKey)))
	}
	if by := b.Str(semconv.StalledHolderKey); by != "" {
		said += ". It waits for " + plain(by)
	}
	if reader := b.Str(semconv.StalledReaderKey); reader != "" {
		said += ". The reader at the other end: " + plain(reader)
	}
	return said
}
