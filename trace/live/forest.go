package live

import (
	"cmp"
	"encoding/binary"
	"hash/fnv"
	"slices"
)

// node is a goroutine, with those that it started.
type node struct {
	g        *Goroutine
	children []*node
	idle     bool   // it is idle, and so are all nodes below it
	alike    uint64 // equal for nodes that look the same, including all nodes below them
}

// branch is one row of goroutines: a single one, or several equal ones.
type branch struct {
	members  []*node // the one that has waited longest first
	children []*branch
}

// forest returns the goroutines of v, each below the one that started it. Goroutines that
// are idle, with all below them, are separate.
func forest(v *View) (busy, idle []*node) {
	nodes := make(map[string]*node, len(v.Goroutines))
	for i := range v.Goroutines {
		g := &v.Goroutines[i]
		nodes[g.Key] = &node{g: g}
	}
	var roots []*node
	for i := range v.Goroutines {
		n := nodes[v.Goroutines[i].Key]
		if above := nodes[n.g.Parent]; above != nil && above != n {
			above.children = append(above.children, n)
		} else {
			roots = append(roots, n)
		}
	}
	seen := make(map[*node]bool, len(nodes))
	for _, n := range roots {
		n.reach(seen)
	}
	for i := range v.Goroutines {
		// No goroutine starts the one that started it, but a view from elsewhere may
		// contain that.
		if n := nodes[v.Goroutines[i].Key]; !seen[n] {
			n.reach(seen)
			roots = append(roots, n)
		}
	}
	for _, n := range roots {
		n.settle()
	}
	busy, idle = apart(roots, nil)
	order(busy)
	order(idle)
	return busy, idle
}

// reach adds n and all nodes below it to seen, and removes children that were seen before.
func (n *node) reach(seen map[*node]bool) {
	seen[n] = true
	n.children = slices.DeleteFunc(n.children, func(c *node) bool { return seen[c] })
	for _, c := range n.children {
		c.reach(seen)
	}
}

// settle sets idle on n and all nodes below it.
func (n *node) settle() {
	n.idle = n.g.State == StateBlocked && stuck(n.g) == 0
	for _, c := range n.children {
		c.settle()
		n.idle = n.idle && c.idle
	}
}

// apart moves idle nodes from nodes to idle.
func apart(nodes, idle []*node) (busy, all []*node) {
	for _, n := range nodes {
		if n.idle {
			idle = append(idle, n)
			continue
		}
		n.children, idle = apart(n.children, idle)
		busy = append(busy, n)
	}
	return busy, idle
}

// order sorts nodes, and all below them: the one that has been stuck longest first, then
// the oldest, so that a row keeps its position while its wait lasts.
func order(nodes []*node) {
	rank := func(n *node) int {
		switch {
		case stuck(n.g) > 0:
			return 0
		case n.g.State == StateRunning:
			return 1
		default:
			return 2
		}
	}
	slices.SortStableFunc(nodes, func(a, b *node) int {
		return cmp.Or(cmp.Compare(a.g.Process, b.g.Process), cmp.Compare(rank(a), rank(b)), cmp.Compare(stuck(b.g), stuck(a.g)), a.g.Began.Compare(b.g.Began), cmp.Compare(a.g.ID, b.g.ID))
	})
	for _, n := range nodes {
		order(n.children)
	}
}

// size counts nodes and all below them.
func size(nodes []*node) int {
	n := len(nodes)
	for _, c := range nodes {
		n += size(c.children)
	}
	return n
}

// grow makes a branch of each node. With fold, equal nodes share a branch, except those
// whose keys are in named.
func grow(nodes []*node, fold bool, named map[string]bool) []*branch {
	var all []*branch
	at := map[uint64]*branch{}
	for _, n := range nodes {
		b := at[n.alike]
		if b == nil || !fold || named[n.g.Key] {
			b = &branch{}
			all = append(all, b)
			if fold && !named[n.g.Key] {
				at[n.alike] = b
			}
		}
		b.members = append(b.members, n)
	}
	for _, b := range all {
		slices.SortStableFunc(b.members, func(a, c *node) int { return longest(c.g).compare(longest(a.g)) })
		var below []*node
		for _, n := range b.members {
			below = append(below, n.children...)
		}
		b.children = grow(below, fold, named)
	}
	return all
}

// waitedFor orders goroutines by how long they have waited.
type waitedFor struct{ stuck, idle int64 }

func longest(g *Goroutine) (l waitedFor) {
	for i := range g.Waits {
		if w := &g.Waits[i]; w.Idle {
			l.idle = max(l.idle, int64(w.Age))
		} else {
			l.stuck = max(l.stuck, int64(w.Age))
		}
	}
	return l
}

func (l waitedFor) compare(m waitedFor) int {
	return cmp.Or(cmp.Compare(l.stuck, m.stuck), cmp.Compare(l.idle, m.idle))
}

// compare sets alike on the nodes, and on all below them.
func compare(nodes []*node) {
	for _, n := range nodes {
		compare(n.children)
		h := fnv.New64a()
		say := func(s string) { _, _ = h.Write([]byte(s)); _, _ = h.Write([]byte{0}) }
		say(n.g.Name)
		say(n.g.State)
		say(n.g.Site)
		_ = binary.Write(h, binary.BigEndian, int64(n.g.Process))
		for _, s := range n.g.Inner {
			say(s)
		}
		for i := range n.g.Waits {
			w := &n.g.Waits[i]
			say("wait")
			say(w.Operation)
			say(w.Reason)
			say(w.Cause)
			if w.On != nil {
				say(w.On.Kind)
				say(w.On.Name)
			}
			for _, by := range w.Holders {
				say(by.Name)
				say(by.What)
			}
		}
		below := map[uint64]bool{}
		for _, c := range n.children {
			below[c.alike] = true
		}
		kinds := make([]uint64, 0, len(below))
		for kind := range below {
			kinds = append(kinds, kind)
		}
		slices.Sort(kinds)
		_ = binary.Write(h, binary.BigEndian, kinds)
		n.alike = h.Sum64()
	}
}
