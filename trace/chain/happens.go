package chain

import (
	"cmp"
	"slices"
	"sort"
	"sync"
	"time"

	"github.com/wakechain/wakechain/trace/semconv"
)

// HappensBefore reports whether the spans prove that a started before b did or,
// where only that is provable, before b ended. It asks causes and not clocks, so
// that false may also mean that the order was chance. These are the causes:
//
//   - A span starts before its children start.
//   - A span starts before a `wake` that links to it starts, and before any other
//     span that links to it ends: a read that waited for a write began before it.
//   - What one goroutine does comes in the order of its clock: an operation ends
//     before the next one starts, and starts another goroutine
//     before. Operations that overlap are not of one goroutine, whatever they
//     say, and have no order. Where the source knows the goroutines for sure
//     ([Span.StartedOn]), they do: in the order of their starts.
//   - A `block` ends before its `wake` starts, and both before their operation
//     ends.
//
// Causes add up along any path. Where two spans each started before the other
// ended, and no more is known, neither happens before the other; nor does a span
// before itself.
//
// Both spans must be of the chain. The cost is constant where one goroutine for
// sure started both, else linear in the spans that a reaches, and once per chain
// O(n log n).
func (c *Chain) HappensBefore(a, b *Span) bool {
	if a == nil || b == nil || a == b {
		return false
	}
	c.causes.once.Do(func() { c.causes.find(c.Spans) })
	if c.causes.together(a, b) {
		return a.compareTurn(b) < 0 // as the search below would find
	}
	after := c.causes.after(a)
	return after[event{b, false}] || after[event{b, true}] && !c.causes.after(b)[event{a, true}]
}

// event is the start or the end of a span.
type event struct {
	span *Span
	end  bool
}

// causes is the graph that HappensBefore searches, as far as the spans do not
// have it themselves.
type causes struct {
	once    sync.Once
	threads [][]*Span // what each goroutine started, by start
	starter []int     // of a span, in threads; -1: none
	ender   []int     // of a span, the same
	tile    []*Span   // of a block or wake: the next one
}

// find lists what each goroutine did, and which tile follows which.
func (cs *causes) find(spans []*Span) {
	cs.starter, cs.ender = make([]int, len(spans)), make([]int, len(spans))
	cs.tile = make([]*Span, len(spans))
	runs := make([]*Span, len(spans)) // the goroutine of a span
	numbers := make(map[goroutine]int)
	for _, s := range spans {
		cs.starter[s.Seq], cs.ender[s.Seq] = -1, -1
		if p := s.Parent; p != nil && p.proc == s.proc {
			runs[s.Seq] = runs[p.Seq]
			if p.IsGoroutine() {
				runs[s.Seq] = p
			}
		}
		run, starts := runs[s.Seq], s.IsGoroutine()
		switch {
		case s.tile() || s.Name == semconv.SpanStalled || !starts && s.ofGoroutine():
			// These spans are made afterwards, or by an observer, and start nothing.
		case s.StartedOn != 0:
			cs.add(s, cs.number(goroutine{nil, s.StartedOn}, numbers))
			if s.EndedOn != 0 {
				cs.ender[s.Seq] = cs.number(goroutine{nil, s.EndedOn}, numbers)
			}
		case run != nil:
			n := cs.number(goroutine{run, s.goroutineID()}, numbers)
			cs.add(s, n)
			if !starts {
				cs.ender[s.Seq] = n
			}
		}
		cs.follow(s.Children)
	}
	for _, did := range cs.threads {
		slices.SortFunc(did, (*Span).compareTurn)
	}
}

// together reports whether one goroutine started a and b, whose starts are in
// order then.
func (cs *causes) together(a, b *Span) bool {
	n := cs.starter[a.Seq]
	return n >= 0 && n == cs.starter[b.Seq] && a.StartedOn != 0
}

// compareTurn orders spans that one goroutine started.
func (s *Span) compareTurn(t *Span) int {
	return cmp.Or(s.Start.Compare(t.Start), cmp.Compare(s.turn(), t.turn()))
}

// goroutine is one for sure: spans below one's may also be of goroutines
// that the program started by itself. Its run is nil where the source knows.
type goroutine struct {
	run *Span
	id  int64
}

// turn orders what one goroutine started at one time.
func (s *Span) turn() int {
	if s.StartedOn != 0 {
		return s.arrival
	}
	return s.Seq
}

// goroutineID returns the number of the goroutine that started the span, 0 if
// it does not say.
func (s *Span) goroutineID() int64 {
	if s.IsGoroutine() {
		return 0 // it would be the new one's
	}
	return s.Int(semconv.GoroutineIDKey)
}

func (cs *causes) number(g goroutine, numbers map[goroutine]int) int {
	n, ok := numbers[g]
	if !ok {
		n = len(cs.threads)
		numbers[g] = n
		cs.threads = append(cs.threads, nil)
	}
	return n
}

func (cs *causes) add(s *Span, n int) {
	cs.starter[s.Seq] = n
	cs.threads[n] = append(cs.threads[n], s)
}

// follow chains the tiles among siblings.
func (cs *causes) follow(siblings []*Span) {
	var last *Span
	for _, s := range siblings {
		if !s.tile() {
			continue
		}
		if last != nil {
			cs.tile[last.Seq] = s
		}
		last = s
	}
}

// search is one walk through the graph.
type search struct {
	*causes
	seen  map[event]bool
	queue []event
	mark  map[int]int // of a thread: from where on all is seen
}

// after returns all that the start of s comes before.
func (cs *causes) after(s *Span) map[event]bool {
	r := search{causes: cs, seen: make(map[event]bool), mark: make(map[int]int)}
	r.visit(event{s, false})
	for len(r.queue) > 0 {
		e := r.queue[len(r.queue)-1]
		r.queue = r.queue[:len(r.queue)-1]
		if e.end {
			r.ended(e.span)
		} else {
			r.started(e.span)
		}
	}
	return r.seen
}

func (r *search) visit(e event) {
	if !r.seen[e] {
		r.seen[e] = true
		r.queue = append(r.queue, e)
	}
}

func (r *search) started(s *Span) {
	r.visit(event{s, true})
	for _, c := range s.Children {
		r.visit(event{c, false})
	}
	for _, from := range s.LinkedFrom {
		r.visit(event{from, !from.Is(semconv.SpanWake)})
	}
	if s.IsGoroutine() || s.StartedOn != 0 {
		r.goOn(r.starter[s.Seq], s, s.Start)
	}
}

func (r *search) ended(s *Span) {
	switch {
	case s.End.IsZero():
		return // it has not
	case s.tile():
		if next := r.tile[s.Seq]; next != nil && !next.Start.Before(s.End) {
			r.visit(event{next, false})
		}
		if s.Parent != nil && s.Parent.proc == s.proc {
			r.visit(event{s.Parent, true})
		}
	default:
		r.goOn(r.ender[s.Seq], s, s.End)
	}
}

// goOn visits what the goroutine n started at or after at, when s did or ended.
func (r *search) goOn(n int, s *Span, at time.Time) {
	if n < 0 {
		return
	}
	did := r.threads[n]
	from := sort.Search(len(did), func(i int) bool {
		return cmp.Or(did[i].Start.Compare(at), cmp.Compare(did[i].turn(), s.turn())) > 0
	})
	to, ok := r.mark[n]
	if !ok {
		to = len(did)
	}
	if from < to {
		r.mark[n] = from
		for _, next := range did[from:to] {
			r.visit(event{next, false})
		}
	}
}
