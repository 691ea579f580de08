package live

import (
	"cmp"
	"slices"
	"time"

	"github.com/wakechain/wakechain/trace/semconv"
)

// graph has an edge from each goroutine to the one that it waits for. Its nodes are the
// goroutines, by their index in the view, and after them other holders. A node has at most
// one edge: a wait that any of several goroutines can end proves nothing.
type graph struct {
	v      *View
	next   []int  // -1: none
	strong []bool // whether the edge to next is strong
	waits  []int  // for each goroutine, the index of the wait that the edge represents

	others []other          // nodes from len(v.Goroutines) on
	named  map[otherKey]int // nodes of holders that are not in the view, by name
	ends   []int            // for each connection, the node of its other end; 0: none
}

// other is a node that is no goroutine of the view.
type other struct {
	holder     *Holder
	connection string // the connection whose other end it is; "" for a holder that is not in the view
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
			// If it has several waits, several goroutines share one context: a wait of one
			// of them does not keep the others from continuing.
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
		return -1 // an unknown holder
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

// wait returns the wait that the edge from node i represents.
func (g *graph) wait(i int) *Wait { return &g.v.Goroutines[i].Waits[g.waits[i]] }

// cycles returns the cycles of waits. Each begins with the goroutine that is first in the
// view.
func (g *graph) cycles() (found [][]int) {
	seen := make([]int, len(g.next)) // the walk that reached each node
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

// head is a node that waits for no known other one, with the goroutines that wait for it.
type head struct {
	node   int
	n      int // number of goroutines
	strong bool
	since  time.Time // of the oldest wait
	held   []int     // the first few of the goroutines; set by gravest
}

// heldKept is the maximum number of held goroutines that a finding names.
const heldKept = 10

// heads returns the ends of all chains, in no order. A chain that leads to a cycle ends at
// the member that it reaches. end has the end of each node's chain, plus 1.
func (g *graph) heads(inCycle []bool) (heads []head, end []int) {
	// Each chain is followed once: the result for a node also holds for those before it.
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
	of := make([]int, len(g.next)) // index in heads, plus 1
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

// gravest returns the n heads that hold up most goroutines, with the first few of these.
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

// first returns the first n elements by compare, in order. It does not sort all, which may
// be many.
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
