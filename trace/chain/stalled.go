package chain

import (
	"time"

	"github.com/wakechain/wakechain/internal/text"
	"github.com/wakechain/wakechain/trace/semconv"
)

// Stalled returns, for a span `stalled`, how long its block had lasted when the span began.
// ok is false for every other span, and for one of that name without an age, from another
// instrumentation.
func (s *Span) Stalled() (age time.Duration, ok bool) {
	if s.Name != semconv.SpanStalled {
		return 0, false
	}
	if _, ok = s.Attr(semconv.StalledAgeKey); !ok {
		return 0, false
	}
	return s.Seconds(semconv.StalledAgeKey), true
}

// StillBlocked reports, for a span `stalled`, whether its block still lasts as far as the
// chain shows, and since when. A block is over if the chain has its `block` (which links to
// its last `stalled`), or the end of its operation or of its goroutine. Of several
// `stalled` spans of one block, ok is true for the last. It is false for every other span.
func (s *Span) StillBlocked() (since time.Time, ok bool) {
	age, stalled := s.Stalled()
	if !stalled || s.Start.IsZero() {
		return time.Time{}, false
	}
	for _, from := range s.LinkedFrom {
		if from.Is(semconv.SpanBlock) || from.Name == semconv.SpanStalled {
			return time.Time{}, false
		}
	}
	for _, l := range s.Links {
		if l.Span != nil && l.Span.Name != semconv.SpanStalled && !l.Span.End.IsZero() {
			return time.Time{}, false
		}
	}
	if p := s.Parent; p != nil && p.Life() != nil {
		return time.Time{}, false
	}
	return s.Start.Add(-age), true
}

// stalled adds the details of a `stalled`.
func (p *printer) stalled(d *details, s *Span) {
	if op := s.Str(semconv.StalledOperationKey); op != "" {
		d.add("in " + d.cut(op))
	}
	d.attr(s, semconv.BlockReasonKey, "")
	d.attr(s, semconv.BlockCauseKey, "")
	d.attr(s, semconv.StalledHolderKey, "held by ")
	d.attr(s, semconv.StalledReaderKey, "reader: ")
	if since, ok := s.StillBlocked(); ok {
		d.add("blocked since " + text.Offset(since.Sub(p.start)) + ", not over")
	}
}

// stalledTimes returns how long the blocks of `stalled` spans had lasted when these began.
func stalledTimes(spans []*Span) []string {
	low, _ := spans[0].Stalled()
	high := low
	for _, s := range spans {
		age, _ := s.Stalled()
		low, high = min(low, age), max(high, age)
	}
	if low == high {
		return []string{"after " + text.Duration(low, "")}
	}
	return []string{"after " + text.Duration(low, "") + " – " + text.Duration(high, "")}
}
