package chain

import (
	"cmp"
	"container/heap"
	"slices"
)

// order sorts the chain and sets the fields that depend on the order.
//
// The key of a span is the later of its start and its parent's key, so that no child sorts
// before its parent, whatever its clock shows. Only spans with equal keys are sorted
// topologically: a parent before its child (always), and the target of a link before the
// span that links to it (unless that makes a cycle, or the span is a goroutine's). If
// neither decides, the earlier start comes first, then a span without duration (a sibling's
// end is the next one's start), then the earlier arrival.
func (b *builder) order() {
	nodes := b.keys()
	slices.SortFunc(nodes, compareNodes)
	b.chain.Spans = make([]*Span, 0, len(nodes))
	for len(nodes) > 0 {
		n := 1
		for n < len(nodes) && nodes[n].key == nodes[0].key {
			n++
		}
		b.emit(nodes[:n])
		nodes = nodes[n:]
	}
	b.connect()
}

type node struct {
	span       *Span
	key, start int64
	long       bool // has a duration
	arrival    int
}

func compareNodes(x, y node) int {
	switch {
	case x.key != y.key:
		return cmp.Compare(x.key, y.key)
	case x.start != y.start:
		return cmp.Compare(x.start, y.start)
	case x.long != y.long:
		if y.long {
			return -1
		}
		return 1
	default:
		return cmp.Compare(x.arrival, y.arrival)
	}
}

// keys returns the nodes, in order of arrival.
func (b *builder) keys() []node {
	nodes := make([]node, len(b.all))
	known := make([]bool, len(b.all))
	var path []*Span
	for i, s := range b.all {
		s.Seq, s.arrival = i, i
	}
	for _, s := range b.all {
		path = path[:0]
		for p := s; p != nil && !known[p.Seq]; p = p.Parent {
			path = append(path, p)
		}
		for _, p := range slices.Backward(path) {
			n := node{span: p, start: nanos(p.Start), long: p.Duration() > 0, arrival: p.Seq}
			n.key = n.start
			if p.Parent != nil {
				n.key = max(n.key, nodes[p.Parent.Seq].key)
			}
			nodes[p.Seq], known[p.Seq] = n, true
		}
	}
	return nodes
}

// emit appends a group of nodes with equal keys, sorted by compareNodes.
func (b *builder) emit(group []node) {
	if len(group) == 1 {
		b.chain.Spans = append(b.chain.Spans, group[0].span)
		return
	}
	t := newTies(group)
	for range group {
		b.chain.Spans = append(b.chain.Spans, group[t.next()].span)
	}
}

// ties sorts nodes topologically. A node waits first for its parent, then for the targets
// of its links. If only links hold up the remaining nodes, they form a cycle, and the first
// node whose parent is out does not wait.
type ties struct {
	place   map[*Span]int // by span: its index in the group
	first   []int         // by node: the index in edges of its first follower; -1: none
	edges   []edge
	waits   []int // by node: for how many links
	orphan  []bool
	done    []bool
	ready   intHeap // nodes that wait for nothing
	pending intHeap // nodes whose parent is out; some may be ready or done by now
}

// edge is an element of the list of a node's followers.
type edge struct {
	to, next int
	parent   bool
}

func newTies(group []node) *ties {
	t := &ties{
		place:  make(map[*Span]int, len(group)),
		first:  make([]int, len(group)),
		waits:  make([]int, len(group)),
		orphan: make([]bool, len(group)),
		done:   make([]bool, len(group)),
	}
	for i, n := range group {
		t.place[n.span] = i
		t.first[i] = -1
	}
	for i, n := range group {
		for _, l := range n.span.Links {
			if at, ok := t.place[l.Span]; ok && at != i && !n.span.ofGoroutine() { // a goroutine's links lead to spans below it
				t.add(at, i, false)
				t.waits[i]++
			}
		}
		if at, ok := t.place[n.span.Parent]; ok {
			t.add(at, i, true)
		} else {
			t.release(i)
		}
	}
	return t
}

func (t *ties) add(from, to int, parent bool) {
	t.edges = append(t.edges, edge{to: to, next: t.first[from], parent: parent})
	t.first[from] = len(t.edges) - 1
}

// release records that the node's parent is out.
func (t *ties) release(i int) {
	t.orphan[i] = true
	if t.waits[i] == 0 {
		heap.Push(&t.ready, i)
	} else {
		heap.Push(&t.pending, i)
	}
}

// next returns the next node, and updates those that wait for it.
func (t *ties) next() int {
	var i int
	if t.ready.Len() > 0 {
		i = heap.Pop(&t.ready).(int)
	} else {
		for i = heap.Pop(&t.pending).(int); t.done[i]; {
			i = heap.Pop(&t.pending).(int)
		}
	}
	t.done[i] = true
	for e := t.first[i]; e >= 0; e = t.edges[e].next {
		to := t.edges[e].to
		switch {
		case t.edges[e].parent:
			t.release(to)
		default:
			if t.waits[to]--; t.waits[to] == 0 && t.orphan[to] && !t.done[to] {
				heap.Push(&t.ready, to)
			}
		}
	}
	return i
}

type intHeap []int

func (h intHeap) Len() int           { return len(h) }
func (h intHeap) Less(i, j int) bool { return h[i] < h[j] }
func (h intHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *intHeap) Push(x any)        { *h = append(*h, x.(int)) }

func (h *intHeap) Pop() any {
	last := len(*h) - 1
	x := (*h)[last]
	*h = (*h)[:last]
	return x
}

// connect numbers the spans, and sets Roots, Children and LinkedFrom.
func (b *builder) connect() {
	spans := b.chain.Spans
	children := make([]int, len(spans))
	linked := make([]int, len(spans))
	for i, s := range spans {
		s.Seq = i
	}
	for _, s := range spans {
		if s.Parent != nil {
			children[s.Parent.Seq]++
		} else {
			b.chain.Roots = append(b.chain.Roots, s)
		}
		for i := range s.Links {
			if target := s.Links[i].Span; target != nil {
				linked[target.Seq]++
			}
		}
	}
	for i, s := range spans {
		if children[i] > 0 {
			s.Children = make([]*Span, 0, children[i])
		}
		if linked[i] > 0 {
			s.LinkedFrom = make([]*Span, 0, linked[i])
		}
	}
	for _, s := range spans {
		if s.Parent != nil {
			s.Parent.Children = append(s.Parent.Children, s)
		}
		for i := range s.Links {
			target := s.Links[i].Span
			// Several links to one span count once.
			if target != nil && (len(target.LinkedFrom) == 0 || target.LinkedFrom[len(target.LinkedFrom)-1] != s) {
				target.LinkedFrom = append(target.LinkedFrom, s)
			}
		}
	}
}
