package live

import (
	"cmp"
	"slices"
	"time"

	"github.com/wakechain/wakechain/trace/semconv"
)

// graph has an edge from each goroutine to the one that it waits for. Its nodes are
// goroutines, by their index in the view, and behind them whatever else is known to
// hold something up. Each waits for at most one other: a wait that any of several can
// end proves nothing.
type graph struct {
	v      *View
	next   []int  // -1: none
	strong []bool // the edge to next is
	waits  []int  // index of the wait that the edge is of

	others []other          // nodes from len(v.Goroutines) on
	named  map[otherKey]int // of these: goroutines that have ended
	ends   []int            // likewise: for each connection the reader of its other end, 0 for none
}

// other is a node that is no goroutine of the view.
type other struct {
	holder     *Holder
	connection string // that it does not read; "": of a holder that has ended
}

type otherKey struct{ name, what string }

func newGraph(v *View) *graph {
	n := len(v.Goroutines)
	g := &graph{v: v, next: make([]int, n, 2*n), strong: make([]bool, n, 2*n), waits: make([]int, n), named: map[otherKey]int{}}
	for i := range v.Goroutines {
		g.next[i] = -1
		gr := &v.Goroutines[i]
		for j := range gr.Waits {
			w := &gr.Waits[j]
			if w.Idle || len(w.Holders) != 1 || g.next[i] >= 0 {
				continue
			}
			// Several waits are several goroutines with one context: that one of them
			// waits does not keep another from going on.
			h := &w.Holders[0]
			g.next[i], g.strong[i], g.waits[i] = g.node(w, h), h.Strong && len(gr.Waits) == 1, j
			if g.next[i] == i {
				g.next[i] = -1
			}
		}
	}
	return g
}

func (g *graph) node(w *Wait, h *Holder) int {
	if h.Goroutine != "" {
		if i, ok := g.v.goroutineIndex()[h.Goroutine]; ok {
			return i
		}
	}
	if w.Reason == string(semconv.ReasonNetWrite) {
		at, ok := g.v.connectionIndex()[w.Connection]
		if !ok {
			return -1
		}
		if g.ends == nil {
			g.ends = make([]int, len(g.v.Connections))
		}
		if g.ends[at] == 0 {
			g.ends[at] = g.add(other{h, w.Connection})
		}
		return g.ends[at]
	}
	if h.Name == "" {
		return -1 // somebody
	}
	k := otherKey{h.Name, h.What}
	i, ok := g.named[k]
	if !ok {
		i = g.add(other{h, ""})
		g.named[k] = i
	}
	return i
}

// add adds a node that is no goroutine of the view.
func (g *graph) add(o other) int {
	g.others = append(g.others, o)
	g.next, g.strong = append(g.next, -1), append(g.strong, false)
	return len(g.next) - 1
}

// wait is the wait of the edge from node i.
func (g *graph) wait(i int) *Wait { return &g.v.Goroutines[i].Waits[g.waits[i]] }

// cycles returns the cycles of waits, each from its first goroutine on.
func (g *graph) cycles() (found [][]int) {
	seen := make([]int, len(g.next)) // in which walk
	for i := range g.next {
		at := i
		for at >= 0 && seen[at] == 0 {
			seen[at] = i + 1
			at = g.next[at]
		}
		if at < 0 || seen[at] != i+1 {
			continue
		}
		cycle := []int{at}
		for n := g.next[at]; n != at; n = g.next[n] {
			cycle = append(cycle, n)
		}
		first := slices.Index(cycle, slices.Min(cycle))
		found = append(found, append(cycle[first:len(cycle):len(cycle)], cycle[:first]...))
	}
	return found
}

// head is a node that waits for no known other, and what waits for it.
type head struct {
	node   int
	n      int // goroutines
	strong bool
	since  time.Time // of the oldest wait
	held   []int     // the first few of them, once they are asked for
}

// heldKept is how many goroutines a finding names.
const heldKept = 10

// heads are the ends of all chains, in no order. Those that wait for a cycle count
// for the node of it that they come to: ends of chains are then its members. end is
// that of each node, plus 1.
func (g *graph) heads(inCycle []bool) (heads []head, end []int) {
	// Chains are followed once each: what was found for a node holds for those before.
	end = make([]int, len(g.next))
	sure := make([]bool, len(g.next))
	var path []int
	for i := range g.next {
		path = path[:0]
		at := i
		for end[at] == 0 && g.next[at] >= 0 && !inCycle[at] {
			path = append(path, at)
			at = g.next[at]
		}
		if end[at] == 0 {
			end[at], sure[at] = at+1, true
		}
		for _, p := range slices.Backward(path) {
			end[p], sure[p] = end[at], sure[at] && g.strong[p]
			at = p
		}
	}
	of := make([]int, len(g.next)) // in heads, plus 1
	heads = make([]head, 0, len(g.others))
	for i := range g.v.Goroutines {
		if g.next[i] < 0 || inCycle[i] {
			continue
		}
		at := end[i] - 1
		if of[at] == 0 {
			heads = append(heads, head{node: at, strong: true})
			of[at] = len(heads)
		}
		h := &heads[of[at]-1]
		h.n++
		h.strong = h.strong && sure[i]
		if since := g.wait(i).Since; h.since.IsZero() || since.Before(h.since) {
			h.since = since
		}
	}
	return heads, end
}

// gravest are the n heads that hold up most, with the first few that each holds up.
func (g *graph) gravest(heads []head, end []int, inCycle []bool, n int) []head {
	kept := first(heads, n, func(a, b head) int {
		return cmp.Or(b.n-a.n, a.since.Compare(b.since), a.node-b.node)
	})
	for k := range kept {
		h := &kept[k]
		for i := 0; i < len(g.v.Goroutines) && len(h.held) < heldKept; i++ {
			if g.next[i] >= 0 && !inCycle[i] && end[i] == h.node+1 {
				h.held = append(h.held, i)
			}
		}
	}
	return kept
}

// first are the n that come first, in order, of those that may be many.
func first[T any](all []T, n int, compare func(a, b T) int) (kept []T) {
	for _, x := range all {
		if len(kept) == n && compare(kept[n-1], x) <= 0 {
			continue
		}
		at := len(kept)
		for at > 0 && compare(x, kept[at-1]) < 0 {
			at--
		}
		kept = slices.Insert(kept, at, x)
		kept = kept[:min(len(kept), n)]
	}
	return kept
}
