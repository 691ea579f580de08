package chain

import (
	"cmp"
	"math"
	"slices"
	"time"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/internal/text"
)

const (
	// roundingSlack is the most that a source with whole microseconds (Jaeger) loses by
	// rounding a start and a duration. A contradiction up to it is no evidence of a skew.
	roundingSlack = 2 * time.Microsecond

	// replySlack is how much later than its client's span a server's span may end without a
	// skew: the reply is on its way before the server's goroutine, back from the system
	// call, reads its clock.
	replySlack = time.Millisecond

	// farthest limits differences between clocks, in nanoseconds, so that their sums fit in
	// an int64.
	farthest = 1 << 60
)

// bound is evidence about two clocks: that of after must be shifted by at least least
// nanoseconds more than that of before.
type bound struct {
	least         int64
	before, after *Span
	rule          rule
}

// bounds holds the strongest bound of each pair of clocks. A reply is weaker evidence than
// the other rules, and is kept separately.
type bounds map[pair]bound

type pair struct {
	from, to int32
	reply    bool
}

func (m bounds) add(from, to int32, b bound) {
	slack := int64(roundingSlack)
	if b.rule == ruleReply {
		slack = int64(replySlack)
	}
	if b.least <= slack {
		b.least = min(b.least, 0)
	}
	b.least = min(max(b.least, -farthest), farthest)
	key := pair{from, to, b.rule == ruleReply}
	if old, ok := m[key]; !ok || b.least > old.least {
		m[key] = b
	}
}

// correctSkew moves the times of spans on clocks that contradict others, and returns these
// clocks. It leaves a clock alone that is off by more than limit.
func correctSkew(spans []*Span, procs *processes, limit time.Duration) []Skew {
	if len(procs.byClock) < 2 {
		return nil
	}
	m := make(bounds)
	for _, s := range spans {
		if p := s.Parent; p != nil && p.clock != s.clock {
			m.family(p, s)
		}
		for _, l := range s.Links {
			if t := l.Span; t != nil && t.clock != s.clock && known(t.Start) && known(s.End) {
				m.add(t.clock, s.clock, bound{nanos(t.Start) - nanos(s.End), t, s, ruleLink})
			}
		}
	}
	if !m.broken() {
		return nil
	}
	p := newPlacement(m, rank(spans, procs), min(int64(limit), farthest))
	p.run()
	for _, s := range spans {
		if d := time.Duration(p.shift[s.clock]); d != 0 {
			s.Start, s.End = moved(s.Start, d), moved(s.End, d)
		}
	}
	for i := range p.skews {
		s := &p.skews[i]
		of := s.After
		if s.Needed < 0 {
			of = s.Before
		}
		s.Process = of.Process()
	}
	return p.skews
}

func (m bounds) broken() bool {
	for _, b := range m {
		if b.least > 0 {
			return true
		}
	}
	return false
}

// family adds the bounds between a parent and its child on another clock.
func (m bounds) family(p, c *Span) {
	if known(p.Start) && known(c.Start) {
		m.add(p.clock, c.clock, bound{nanos(p.Start) - nanos(c.Start), p, c, ruleParent})
	}
	waits := p.Kind == oteltrace.SpanKindClient && c.Kind == oteltrace.SpanKindServer && !p.Failed()
	if waits && known(p.End) && known(c.End) && c.Duration() <= p.Duration() {
		m.add(c.clock, p.clock, bound{nanos(c.End) - nanos(p.End), c, p, ruleReply})
	}
}

// known reports whether t is a time that a clock showed. Sources write 0 for an unknown
// time.
func known(t time.Time) bool { return nanos(t) > 0 && nanos(t) < math.MaxInt64 }

func moved(t time.Time, d time.Duration) time.Time {
	if !known(t) {
		return t
	}
	return t.Add(d)
}

// rank returns the clocks, the most trusted first: by their earliest root, then their
// earliest span, then their name. The order of arrival does not matter.
func rank(spans []*Span, procs *processes) []int32 {
	type standing struct {
		root, first int64
		name        string
	}
	all := make([]standing, len(procs.byClock))
	for i := range all {
		all[i] = standing{root: math.MaxInt64, first: math.MaxInt64}
	}
	for i, p := range procs.list {
		c := &all[procs.clocks[i]]
		if c.name == "" || p.name < c.name {
			c.name = p.name
		}
	}
	for _, s := range spans {
		c, t := &all[s.clock], nanos(s.Start)
		c.first = min(c.first, t)
		if s.Parent == nil && !s.Orphan() {
			c.root = min(c.root, t)
		}
	}
	order := make([]int32, len(all))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortStableFunc(order, func(x, y int32) int {
		a, b := all[x], all[y]
		return cmp.Or(cmp.Compare(a.root, b.root), cmp.Compare(a.first, b.first), cmp.Compare(a.name, b.name))
	})
	return order
}

// placement finds the shift of one clock after the other, each relative to the clocks
// before it.
type placement struct {
	limit int64
	ranks []int32 // clocks, the most trusted first
	place []int   // by clock: its index in ranks
	near  [][]tie // by clock; each list is in the order of the other clocks' ranks
	shift []int64
	stood []bool
	skews []Skew
}

// tie is a bound, seen from one of its clocks.
type tie struct {
	other int32
	up    bool // the bound is a lower limit for this clock's shift, otherwise an upper limit
	bound
}

func newPlacement(m bounds, ranks []int32, limit int64) *placement {
	p := &placement{
		limit: limit,
		ranks: ranks,
		place: make([]int, len(ranks)),
		near:  make([][]tie, len(ranks)),
		shift: make([]int64, len(ranks)),
		stood: make([]bool, len(ranks)),
	}
	for i, c := range ranks {
		p.place[c] = i
	}
	for key, b := range m {
		p.near[key.to] = append(p.near[key.to], tie{key.from, true, b})
		p.near[key.from] = append(p.near[key.from], tie{key.to, false, b})
	}
	for _, ties := range p.near {
		slices.SortFunc(ties, func(x, y tie) int {
			return cmp.Or(cmp.Compare(p.place[x.other], p.place[y.other]), cmp.Compare(x.rule, y.rule), cmp.Compare(x.least, y.least))
		})
	}
	return p
}

// run settles the most trusted clock, then its neighbours, and so on.
func (p *placement) run() {
	queued := make([]bool, len(p.ranks))
	var queue []int32
	for _, first := range p.ranks {
		if queued[first] {
			continue
		}
		queued[first] = true
		queue = append(queue[:0], first)
		for len(queue) > 0 {
			c := queue[0]
			queue = queue[1:]
			p.settle(c)
			for _, t := range p.near[c] {
				if !queued[t.other] {
					queued[t.other] = true
					queue = append(queue, t.other)
				}
			}
		}
	}
}

// settle finds the shift of a clock that is nearest to zero and within the bounds to
// settled clocks. If they contradict each other, it ignores the replies.
func (p *placement) settle(c int32) {
	defer func() { p.stood[c] = true }()
	strict, all := newWindow(), newWindow()
	for _, t := range p.near[c] {
		if !p.stood[t.other] {
			continue
		}
		all.narrow(t, p.shift[t.other])
		if t.rule != ruleReply {
			strict.narrow(t, p.shift[t.other])
		}
	}
	w := all
	if w.lo > w.hi {
		w = strict
	}
	var needed int64
	var by tie
	switch {
	case w.lo > 0:
		needed, by = w.lo, w.byLo
	case w.hi < 0:
		needed, by = w.hi, w.byHi
	default:
		return
	}
	s := Skew{Needed: time.Duration(needed), Before: by.before, After: by.after, rule: by.rule}
	switch {
	case w.lo > w.hi:
		s.Left = "other spans contradict"
	case needed > p.limit || needed < -p.limit:
		s.Left = "more than " + text.Duration(time.Duration(p.limit), "")
	default:
		s.Shift = s.Needed
		p.shift[c] = needed
	}
	p.skews = append(p.skews, s)
}

// window is the range of shifts that bounds allow, with the bounds at both of its ends.
type window struct {
	lo, hi     int64
	byLo, byHi tie
}

func newWindow() window { return window{lo: -farthest * 4, hi: farthest * 4} }

func (w *window) narrow(t tie, other int64) {
	if v := other + t.least; t.up && v > w.lo {
		w.lo, w.byLo = v, t
	}
	if v := other - t.least; !t.up && v < w.hi {
		w.hi, w.byHi = v, t
	}
}
