package chain

import (
	"cmp"
	"slices"
	"sort"
	"sync"
	"time"

	"github.com/wakechain/wakechain/trace/semconv"
)

// HappensBefore reports whether the spans prove that a started before b did or, if only
// that is provable, before b ended. It uses causes, not clocks, so false may also mean that
// the order was chance. These are the causes:
//
//   - A span starts before its children start.
//   - A span starts before a `wake` that links to it starts, and before any other
//     span that links to it ends: a read may begin before the write that it waits for.
//   - The operations of one goroutine are in the order of its clock: one ends before
//     the next one starts, and a goroutine starts before its starter's next
//     operation. Operations that overlap cannot be of one goroutine, whatever they
//     claim, and have no order. If the source is certain of the goroutines
//     ([Span.StartedOn]), they may overlap, and are in the order of their starts.
//   - A `block` ends before its `wake` starts, and both before their operation
//     ends.
//
// Causes add up along any path. If two spans each started before the other ended, and
// nothing else is known, neither happens before the other. No span happens before itself.
//
// Both spans must be of the chain. The cost is constant if one goroutine certainly started
// both. Otherwise it is linear in the spans that a and b reach. The first call for a chain
// costs O(n log n) for n spans in addition.
func (c *Chain) HappensBefore(a, b *Span) bool {
	if a == nil || b == nil || a == b {
		return false
	}
	c.causes.once.Do(func() { c.causes.find(c.Spans) })
	if c.causes.together(a, b) {
		return a.compareTurn(b) < 0 // the search below has the same result
	}
	after := c.causes.after(a)
	return after[event{b, false}] || after[event{b, true}] && !c.causes.after(b)[event{a, true}]
}

// event is the start or the end of a span.
type event struct {
	span *Span
	end  bool
}

// causes is the part of HappensBefore's graph that the spans themselves do not have.
type causes struct {
	once    sync.Once
	threads [][]*Span // by goroutine: the spans that it started, by start
	starter []int     // by span: the index in threads of the goroutine that started it; -1: not known
	ender   []int     // by span: likewise, of the goroutine that ended it
	tile    []*Span   // by block or wake: the next one of the operation
}

// find lists the spans that each goroutine started, and which tile follows which.
func (cs *causes) find(spans []*Span) {
	cs.starter, cs.ender = make([]int, len(spans)), make([]int, len(spans))
	cs.tile = make([]*Span, len(spans))
	runs := make([]*Span, len(spans)) // by span: its goroutine
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
			// These spans are created afterwards or by an observer, and start nothing.
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

// together reports whether one goroutine certainly started a and b, so that their starts
// are in order.
func (cs *causes) together(a, b *Span) bool {
	n := cs.starter[a.Seq]
	return n >= 0 && n == cs.starter[b.Seq] && a.StartedOn != 0
}

// compareTurn orders spans that one goroutine started.
func (s *Span) compareTurn(t *Span) int {
	return cmp.Or(s.Start.Compare(t.Start), cmp.Compare(s.turn(), t.turn()))
}

// goroutine identifies a goroutine. The run alone does not: below a goroutine's span there
// may be spans of goroutines that the program started by itself. run is nil if id is a
// [Span.StartedOn] or EndedOn.
type goroutine struct {
	run *Span
	id  int64
}

// turn orders spans that one goroutine started at the same time.
func (s *Span) turn() int {
	if s.StartedOn != 0 {
		return s.arrival
	}
	return s.Seq
}

// goroutineID returns the number of the goroutine that started the span, or 0 if it is not
// known.
func (s *Span) goroutineID() int64 {
	if s.IsGoroutine() {
		return 0 // the attribute has the new goroutine's
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

// follow records which tile follows which among siblings.
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

// search is one traversal of the graph.
type search struct {
	*causes
	seen  map[event]bool
	queue []event
	mark  map[int]int // by thread: the index from which on all spans are seen
}

// after returns the start of s, and all events after it.
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
		return // it has not ended
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

// goOn visits the spans that goroutine n started after s started or ended, at the time at.
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
