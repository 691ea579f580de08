package explain

import (
	"fmt"
	"slices"
	"time"

	"github.com/wakechain/wakechain/internal/text"
	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
)

// standoff is a period in which both ends were blocked writing.
type standoff struct {
	blocks   [2]*block // in the order of their start
	from, to time.Time
}

func (st *standoff) duration() time.Duration { return st.to.Sub(st.from) }

// deadlocks finds the connections on which both ends were blocked writing, while the trace
// has no read on either of them.
func deadlocks(s *scene) []Finding {
	var found []Finding
	for _, e := range s.ends {
		if e.peer == nil || e.Server() {
			continue
		}
		var (
			count   int
			total   time.Duration
			first   time.Time
			longest standoff
		)
		for _, st := range standoffs(e, e.peer) {
			if count == 0 {
				first = st.from
			}
			count++
			total = chain.Sum(total, st.duration())
			for _, b := range st.blocks {
				s.report(b.Span, b.op)
			}
			if st.duration() > longest.duration() {
				longest = st
			}
		}
		if count > 0 {
			found = append(found, Finding{
				Rule: Deadlock, Severity: Problem, Text: s.standoffText(&longest, count),
				Headline: headline("%s and %s both wrote, and neither read, for "+duration(total),
					s.who(longest.blocks[0].Span, longest.blocks[0].end, ""), s.who(longest.blocks[1].Span, longest.blocks[1].end, "")),
				Advice: "At least one end must read while it writes: read in a goroutine of its own on both.",
				Spans:  append(longest.blocks[0].spans(), longest.blocks[1].spans()...),
				At:     first.Sub(s.start), Count: count, Total: total,
			})
		}
	}
	return found
}

// standoffs returns the periods in which both ends were blocked writing, if they are
// noticeable and neither end was reading.
func standoffs(a, b *end) []standoff {
	var (
		found   []standoff
		as, bs  = a.blockedWrites(), b.blockedWrites()
		reading = [2]busy{newBusy(a.reads), newBusy(b.reads)}
	)
	for len(as) > 0 && len(bs) > 0 {
		x, y := as[0], bs[0]
		st := standoff{[2]*block{x, y}, latest(x.Start, y.Start), earliest(x.End, y.End)}
		if y.Start.Before(x.Start) {
			st.blocks = [2]*block{y, x}
		}
		if st.duration() >= noticeable && !reading[0].during(st.from, st.to) && !reading[1].during(st.from, st.to) {
			found = append(found, st)
		}
		if x.End.Before(y.End) {
			as = as[1:]
		} else {
			bs = bs[1:]
		}
	}
	return found
}

// blockedWrites returns the blocks in the end's writes that are over.
func (e *end) blockedWrites() []*block {
	return slices.DeleteFunc(slices.Clone(e.blocks), func(b *block) bool {
		return b.reason() != semconv.ReasonNetWrite || b.End.IsZero()
	})
}

func (s *scene) standoffText(st *standoff, count int) string {
	said := "Both ends of the connection were blocked writing at once"
	if count > 1 {
		said += fmt.Sprintf(" %s; the longest was for %s", text.Counted(count, "time"), duration(st.duration()))
	}
	x, y := st.blocks[0], st.blocks[1]
	said += fmt.Sprintf(", and the trace has no read on either in that time: %s in %s, %s in %s.",
		s.who(x.Span, x.end, ""), x.message(), s.who(y.Span, y.end, ""), y.message())
	if x.cause() == semconv.CausePeerWindow && y.cause() == semconv.CausePeerWindow && x.end.peerIs() == proven {
		said += " Each waited for the other to read."
	}
	ended := x
	if y.End.Before(x.End) {
		ended = y
	}
	if why := s.wokenBy(ended); why != "" {
		said += fmt.Sprintf(" What ended it for %s: %s.", s.who(ended.Span, ended.end, ""), why)
	}
	return said
}

// busy is the times in which any of the given spans was in progress.
type busy struct {
	spans []*chain.Span // by start
	until []time.Time   // the latest end of the spans up to each
}

func newBusy(spans []*chain.Span) busy {
	b := busy{spans: slices.Clone(spans)}
	slices.SortStableFunc(b.spans, func(x, y *chain.Span) int { return x.Start.Compare(y.Start) })
	var until time.Time
	for _, s := range b.spans {
		until = latest(until, s.End)
		b.until = append(b.until, until)
	}
	return b
}

// during reports whether a span was in progress between from and to.
func (b *busy) during(from, to time.Time) bool {
	n, _ := slices.BinarySearchFunc(b.spans, to, func(s *chain.Span, t time.Time) int { return s.Start.Compare(t) })
	return n > 0 && b.until[n-1].After(from)
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earliest(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
