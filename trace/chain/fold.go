package chain

import (
	"slices"
	"time"

	"github.com/wakechain/wakechain/trace/internal/fold"
)

// item is one line of the tree: a span, a fold of equal spans, or a loop.
type item struct {
	spans  []*Span // the span, or those that are folded or repeat, in order
	rounds int     // of a loop; otherwise 0
	body   []*item
}

// shapes finds the spans of a chain that read the same.
type shapes struct {
	*fold.Folder[*Span]
	size   []int  // by span: how many spans at and below it are not hidden
	hidden []bool // by span; nil: none is hidden
	total  int    // how many spans are not hidden
}

// newShapes makes the shapes of all spans, from the leaves up: in a chain, a parent comes
// before its children. Unless only is nil, it hides spans that do not match.
func newShapes(c *Chain, label func([]byte, *Span) []byte, only func(*Span) bool) *shapes {
	n := len(c.Spans)
	sh := &shapes{
		Folder: fold.New(n, func(s *Span) int { return s.Seq }, weight, maxPeriod, fold.Min), size: make([]int, n), total: n,
	}
	if only != nil {
		sh.hide(c, only)
	}
	var text []byte
	var below []*Span
	for _, s := range slices.Backward(c.Spans) {
		sh.Mark(s.Children)
		// Leave out blocks and wakes that did not fail: the same call blocks one time and
		// not the next, and the fold still shows the sum.
		below = below[:0]
		rest := s.Rest()
		for _, c := range s.Children {
			if c != rest && (!c.tile() || len(c.Children) > 0 || c.Failed()) {
				below = append(below, c)
			}
		}
		text = label(text[:0], s)
		sh.Set(s, text, below)
		if sh.hidden == nil || !sh.hidden[s.Seq] {
			sh.size[s.Seq]++
		}
		if s.Parent != nil {
			sh.size[s.Parent.Seq] += sh.size[s.Seq]
		}
	}
	sh.Mark(c.Roots)
	return sh
}

// maxPeriod is the longest sequence that is recognised as repeating.
const maxPeriod = 4

// hide hides all spans, except those that match and their ancestors.
func (sh *shapes) hide(c *Chain, match func(*Span) bool) {
	sh.hidden, sh.total = make([]bool, len(c.Spans)), 0
	for i := range sh.hidden {
		sh.hidden[i] = true
	}
	for _, s := range slices.Backward(c.Spans) {
		if match(s) {
			sh.hidden[s.Seq] = false
		}
		if sh.hidden[s.Seq] {
			continue
		}
		if s.Parent != nil {
			sh.hidden[s.Parent.Seq] = false
		}
		if rest := s.Rest(); rest != nil { // on the same line
			sh.hidden[rest.Seq] = false
		}
	}
	for _, hidden := range sh.hidden {
		if !hidden {
			sh.total++
		}
	}
}

// visible returns the spans that are not hidden.
func (sh *shapes) visible(spans []*Span) []*Span {
	if sh.hidden == nil {
		return spans
	}
	return slices.DeleteFunc(slices.Clone(spans), func(s *Span) bool { return sh.hidden[s.Seq] })
}

// weight returns how long a span took, or how long a goroutine with a [Span.Rest] lived.
func weight(s *Span) time.Duration {
	if s.Rest() != nil {
		return s.Lived()
	}
	return s.Duration()
}

// fold returns the lines of siblings, which are in order.
func (sh *shapes) fold(siblings []*Span) []*item {
	var items []*item
	for len(siblings) > 0 {
		period, rounds := sh.Repeat(siblings)
		n := period * rounds
		it := &item{spans: siblings[:n]}
		if period > 1 {
			it.rounds, it.body = rounds, sh.merge(siblings[:n])
		}
		items = append(items, it)
		siblings = siblings[n:]
	}
	return items
}

// merge returns one line for each group of equal spans.
func (sh *shapes) merge(spans []*Span) []*item {
	var items []*item
	for _, group := range sh.Merge(spans, false) {
		items = append(items, &item{spans: group})
	}
	return items
}

// below returns the lines under an item.
func (sh *shapes) below(it *item) []*item {
	switch {
	case it.rounds > 0:
		return it.body
	case len(it.spans) == 1:
		return sh.fold(sh.shown(it.spans[0]))
	}
	var all []*Span
	for _, s := range it.spans {
		all = append(all, sh.shown(s)...)
	}
	return sh.merge(all)
}

// shown returns the children that have lines of their own. The rest of a goroutine has
// none: its children are returned in its place.
func (sh *shapes) shown(s *Span) []*Span {
	rest := s.Rest()
	if rest == nil {
		return sh.visible(s.Children)
	}
	all := make([]*Span, 0, len(s.Children)-1+len(rest.Children))
	for _, c := range s.Children {
		if c != rest {
			all = append(all, c)
		}
	}
	if len(rest.Children) > 0 {
		all = append(all, rest.Children...)
		slices.SortFunc(all, func(x, y *Span) int { return x.Seq - y.Seq })
	}
	return sh.visible(all)
}
