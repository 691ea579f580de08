package chain

import (
	"encoding/binary"
	"hash/maphash"
	"slices"
	"time"
)

// Folding shows neighbours that would read the same as one line. What must not
// disappear in it stays apart: spans that failed differ in their label, and
// outliers are marked before.
const (
	// minFold is how many neighbours make a fold: two lines read faster than one
	// that says ×2.
	minFold = 3

	// maxPeriod is the longest sequence that is recognised as repeating.
	maxPeriod = 4

	// A span is an outlier if it takes outlierMin or longer, and more than
	// outlierFactor times the median of its like among its siblings. If there are
	// more than maxOutliers, they are normal here, and only those count that are
	// outliers among them.
	outlierMin    = 10 * time.Millisecond
	outlierFactor = 10
	maxOutliers   = 16
)

// item is one line of the tree: a span, a fold of spans alike, or a loop.
type item struct {
	spans  []*Span // the one, or those folded, in order
	rounds int     // >0: a loop, of which items are the body
	body   []*item
}

// shapes says which spans of a chain look alike.
type shapes struct {
	seed    maphash.Seed
	shape   []uint64 // of a span: its label and the shapes below
	outlier []bool   // of a span: among its siblings
	size    []int    // of a span: itself and all below
	hidden  []bool   // of a span; nil: none is
	total   int      // that are not
}

// class is what siblings must share to be folded.
type class struct {
	shape   uint64
	outlier bool
}

func (sh *shapes) class(s *Span) class { return class{sh.shape[s.Seq], sh.outlier[s.Seq]} }

// newShapes goes up from the leaves: the chain has every parent before its
// children.
func newShapes(c *Chain, label func(*Span) string, only func(*Span) bool) *shapes {
	n := len(c.Spans)
	sh := &shapes{seed: maphash.MakeSeed(), shape: make([]uint64, n), outlier: make([]bool, n), size: make([]int, n), total: n}
	if only != nil {
		sh.hide(c, only)
	}
	for _, s := range slices.Backward(c.Spans) {
		sh.mark(s.Children)
		sh.shape[s.Seq] = sh.of(s, label)
		if sh.hidden == nil || !sh.hidden[s.Seq] {
			sh.size[s.Seq]++
		}
		if s.Parent != nil {
			sh.size[s.Parent.Seq] += sh.size[s.Seq]
		}
	}
	sh.mark(c.Roots)
	return sh
}

// hide hides all spans but those that match, and what these are part of.
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
		if life := s.Life(); life != nil { // on the same line
			sh.hidden[life.Seq] = false
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

// of hashes a span's label and the different shapes below it. How often these
// come is left out, and so is how the operation was blocked, if not in failure:
// the same call blocks one time and not the next, and its fold still tells.
func (sh *shapes) of(s *Span, label func(*Span) string) uint64 {
	var h maphash.Hash
	h.SetSeed(sh.seed)
	h.WriteString(label(s))
	life := s.Life()
	var below distinct
	for _, c := range s.Children {
		if c == life || c.tile() && len(c.Children) == 0 && !c.Failed() {
			continue
		}
		if cl := sh.class(c); below.add(cl) {
			var b [9]byte
			binary.LittleEndian.PutUint64(b[:], cl.shape)
			if cl.outlier {
				b[8] = 1
			}
			h.Write(b[:])
		}
	}
	return h.Sum64()
}

// distinct is a set that is cheap while it is small.
type distinct struct {
	few  [8]class
	n    int
	many map[class]bool
}

func (d *distinct) add(c class) bool {
	if slices.Contains(d.few[:min(d.n, len(d.few))], c) || d.many[c] {
		return false
	}
	if d.n < len(d.few) {
		d.few[d.n] = c
	} else {
		if d.many == nil {
			d.many = make(map[class]bool)
		}
		d.many[c] = true
	}
	d.n++
	return true
}

// mark finds the outliers among siblings.
func (sh *shapes) mark(siblings []*Span) {
	if len(siblings) < minFold {
		return
	}
	long := slices.ContainsFunc(siblings, func(s *Span) bool { return weight(s) >= outlierMin })
	if !long {
		return
	}
	alike := make(map[uint64][]*Span)
	for _, s := range siblings {
		alike[sh.shape[s.Seq]] = append(alike[sh.shape[s.Seq]], s)
	}
	for _, group := range alike {
		for len(group) >= minFold || len(group) == 2 && len(siblings) >= minFold {
			limit := max(outlierMin, outlierFactor*median(group))
			outliers := slices.DeleteFunc(slices.Clone(group), func(s *Span) bool { return weight(s) < limit || weight(s) == 0 })
			if len(outliers) == len(group) {
				break
			}
			if len(outliers) <= maxOutliers {
				for _, s := range outliers {
					sh.outlier[s.Seq] = true
				}
				break
			}
			group = outliers
		}
	}
}

// weight is how long a span took: a goroutine, its life.
func weight(s *Span) time.Duration {
	if life := s.Life(); life != nil {
		return life.Duration()
	}
	return s.Duration()
}

// median returns the lower one, saturated so that a multiple of it fits.
func median(group []*Span) time.Duration {
	ds := make([]time.Duration, len(group))
	for i, s := range group {
		ds[i] = weight(s)
	}
	slices.Sort(ds)
	return min(ds[(len(ds)-1)/2], (1<<63-1)/outlierFactor)
}

// fold makes the lines of siblings in order.
func (sh *shapes) fold(siblings []*Span) []*item {
	var items []*item
	for len(siblings) > 0 {
		period, rounds := sh.repeat(siblings)
		n := period * rounds
		switch {
		case period == 1:
			items = append(items, &item{spans: siblings[:n]})
		default:
			items = append(items, &item{spans: siblings[:n], rounds: rounds, body: sh.merge(siblings[:n])})
		}
		siblings = siblings[n:]
	}
	return items
}

// repeat returns the sequence at the beginning of siblings that covers the most
// by repeating, as its length and how often it comes. It looks no further than
// what is then folded, times a constant, so that folding is linear.
func (sh *shapes) repeat(siblings []*Span) (period, rounds int) {
	period, rounds = 1, 1
	for p := 1; p <= maxPeriod; p++ {
		n := 0
		for n < len(siblings) && sh.same(siblings[n], siblings[n%p]) {
			n++
		}
		if r := n / p; r >= minFold && r*p > period*rounds {
			period, rounds = p, r
		}
	}
	return period, rounds
}

// same reports whether two siblings may be folded. Outliers never are.
func (sh *shapes) same(x, y *Span) bool {
	return x == y || sh.shape[x.Seq] == sh.shape[y.Seq] && !sh.outlier[x.Seq] && !sh.outlier[y.Seq]
}

// merge makes one line of each class among spans, whatever their order: what a
// fold or a loop has inside.
func (sh *shapes) merge(spans []*Span) []*item {
	var items []*item
	at := make(map[class]*item)
	for _, s := range spans {
		c := sh.class(s)
		if at[c] == nil {
			at[c] = new(item)
			items = append(items, at[c])
		}
		at[c].spans = append(at[c].spans, s)
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

// shown returns the children that have lines of their own: the life of a
// goroutine is part of its `go NAME` line, and what hangs below it joins.
func (sh *shapes) shown(s *Span) []*Span {
	life := s.Life()
	if life == nil {
		return sh.visible(s.Children)
	}
	rest := make([]*Span, 0, len(s.Children)-1+len(life.Children))
	for _, c := range s.Children {
		if c != life {
			rest = append(rest, c)
		}
	}
	if len(life.Children) > 0 {
		rest = append(rest, life.Children...)
		slices.SortFunc(rest, func(x, y *Span) int { return x.Seq - y.Seq })
	}
	return sh.visible(rest)
}
