package tracetest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/wakechain/wakechain/trace/chain"
)

// AssertOrder fails the test unless the chain has different spans that match, one after the
// other, with any others between them. Each of spans is a name (or any other [Line]) or a
// [Matcher].
//
//	tracetest.AssertOrder(t, rec.Chain(), "handshake", "write", "block >=1s", tracetest.Status(codes.Error))
//
// The order is that of the starts. Spans that started at the same time may be in any order
// that nothing disproves (see [AssertBefore]).
func AssertOrder(tb testing.TB, c *chain.Chain, spans ...any) {
	tb.Helper()
	o := ordering{match: newMatch(tb, c, nil), steps: maxSteps}
	for _, s := range spans {
		o.matchers = append(o.matchers, matcherOf(tb, c, s))
	}
	if o.inOrder() || o.from(nil) {
		return
	}
	var b strings.Builder
	for i, m := range o.matchers {
		switch {
		case i < len(o.best):
			fmt.Fprintf(&b, "\n\t  %s: %s", m, ref(c, o.best[i]))
		case i > len(o.best):
			fmt.Fprintf(&b, "\n\t  %s", m)
		case i == 0:
			fmt.Fprintf(&b, "\n\t- %s: there is none", m)
		default:
			fmt.Fprintf(&b, "\n\t- %s: none comes after that; got %s", m, count(c, c.Find(m.Match), m))
		}
	}
	tb.Errorf("tracetest: the spans are not in this order (- not found):%s\n%s", b.String(), shown(c))
}

// ordering is a search for spans in order.
type ordering struct {
	*match
	matchers []Matcher
	best     []*chain.Span // the longest beginning so far
	steps    int
}

// inOrder takes the first span that matches, in the order of the chain.
func (o *ordering) inOrder() bool {
	for _, s := range o.chain.Spans {
		if len(o.best) < len(o.matchers) && o.matchers[len(o.best)].Match(s) {
			o.best = append(o.best, s)
		}
	}
	return len(o.best) == len(o.matchers)
}

// from continues after the spans in picked. It tries those that started at the time of the
// last one, and the earliest after it: a later one leaves fewer spans to choose from.
func (o *ordering) from(picked []*chain.Span) bool {
	if len(picked) > len(o.best) {
		o.best = append([]*chain.Span(nil), picked...)
	}
	if len(picked) == len(o.matchers) {
		return true
	}
	m := o.matchers[len(picked)]
	var last, next *chain.Span
	if len(picked) > 0 {
		last = picked[len(picked)-1]
	}
	for _, s := range o.chain.Spans {
		tied := last != nil && s.Start.Equal(last.Start)
		switch {
		case last != nil && s.Start.Before(last.Start), !m.Match(s), !tied && next != nil && !s.Start.Equal(next.Start):
			continue
		case o.steps == 0:
			return false
		}
		if o.disproved(picked, s) {
			continue
		}
		if !tied && next == nil {
			next = s
		}
		o.steps--
		if o.from(append(picked, s)) {
			return true
		}
	}
	return false
}

// disproved reports whether s is one of picked, or is known to come before one of them.
func (o *ordering) disproved(picked []*chain.Span, s *chain.Span) bool {
	for i := len(picked) - 1; i >= 0 && picked[i].Start.Equal(s.Start); i-- {
		if picked[i] == s || o.before(s, picked[i]) {
			return true
		}
	}
	return false
}

// AssertBefore fails the test unless the spans prove that a started before b: by parents,
// links and the sequence on one goroutine, not by clocks ([chain.Chain.HappensBefore]). A
// [Recorder] records the goroutines of any program; in other chains only wakechain's own
// are known. If only the order of a start and an end is provable, it is enough that a
// started before b ended.
//
// Each of a and b is a name (or any other [Line]), a [Matcher] or a *[chain.Span], and must
// match exactly one span.
func AssertBefore(tb testing.TB, c *chain.Chain, a, b any) {
	tb.Helper()
	x, y := One(tb, c, a), One(tb, c, b)
	var why string
	switch {
	case x == nil || y == nil || c.HappensBefore(x, y):
		return // or the test has ended
	case x == y:
		why = "they are the same"
	case c.HappensBefore(y, x):
		why = "the second is known to come before the first"
	default:
		why = "nothing proves that; by the clock " + clock(x, y)
	}
	tb.Errorf("tracetest: want %s before %s: %s\n%s", ref(c, x), ref(c, y), why, shown(c))
}

func clock(x, y *chain.Span) string {
	switch d := y.Start.Sub(x.Start); {
	case d > 0:
		return fmt.Sprintf("the first started %v earlier", d)
	case d < 0:
		return fmt.Sprintf("the second started %v earlier", -d)
	default:
		return "they started at the same time"
	}
}
