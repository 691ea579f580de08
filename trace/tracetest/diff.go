package tracetest

import (
	"fmt"
	"math"
	"strings"

	"github.com/wakechain/wakechain/trace/chain"
)

// change is one line of the difference between two trees.
type change struct {
	op    byte // ' ' in both, '-' only wanted, '+' only recorded
	depth int
	text  string
}

// gap is the difference between a node and a span of its name, or between nodes and
// siblings.
type gap struct {
	cost  int
	steps []step
}

// step is the part of a gap for the next node and the next spans.
type step struct {
	node  *node // nil: the spans are not wanted
	spans []*chain.Span
	below *gap // node and spans have the same name, but differ
}

// Costs of a line that differs, and of one that is missing or too many. A span with one
// differing line costs less than one missing line and one extra line, so that its children
// are compared, however much they differ.
const (
	differs = 1
	missing = 2
)

// between returns the cheapest gap between nodes and siblings.
func (m *match) between(nodes []*node, spans []*chain.Span) *gap {
	order, _ := m.arrange(nodes, spans)
	// best[i][j] is the cheapest way from nodes[i:] to order[j:]: its cost and its first
	// step.
	type way struct {
		cost, i, j int
		step       step
	}
	best := make([][]way, len(nodes)+1)
	for i := range best {
		best[i] = make([]way, len(order)+1)
	}
	for i := len(nodes); i >= 0; i-- {
		for j := len(order); j >= 0; j-- {
			if i == len(nodes) && j == len(order) {
				continue
			}
			w := way{cost: math.MaxInt}
			take := func(cost, toI, toJ int, s step) {
				if cost += best[toI][toJ].cost; cost < w.cost {
					w = way{cost, toI, toJ, s}
				}
			}
			if i < len(nodes) {
				n := nodes[i]
				if n.any && j < len(order) {
					take(0, i, j+1, step{})
				}
				for k := j; !n.any && k < len(order) && m.fit(n, order[k]); k++ {
					cost := 0
					if !n.allows(k + 1 - j) {
						cost = differs
					}
					take(cost, i+1, k+1, step{node: n, spans: order[j : k+1]})
				}
				if j < len(order) && !n.any && order[j].Named(n.name) && !m.fit(n, order[j]) {
					below := m.apart(n, order[j])
					for k := j; k < len(order) && (k == j || n.max != 1 && m.alike(n, order[j], order[k])); k++ {
						cost := below.cost
						if !n.allows(k+1-j) && m.fitLine(n, order[j]) {
							cost += differs
						}
						take(cost, i+1, k+1, step{node: n, spans: order[j : k+1], below: below})
					}
				}
				cost := 0
				if !n.any {
					cost = missing * n.size()
				}
				take(cost, i+1, j, step{node: n})
			}
			if j < len(order) {
				take(missing*m.size(order[j]), i, j+1, step{spans: order[j : j+1]})
			}
			best[i][j] = w
		}
	}
	g := &gap{cost: best[0][0].cost}
	for i, j := 0, 0; i < len(nodes) || j < len(order); {
		w := best[i][j]
		if w.step.node != nil || w.step.spans != nil { // otherwise "..." takes one more
			g.steps = append(g.steps, w.step)
		}
		i, j = w.i, w.j
	}
	return g
}

// size returns how many lines the node and those below it have.
func (n *node) size() int {
	size := 1
	for _, b := range n.below {
		size += b.size()
	}
	return size
}

// size returns how many lines the span and all below it have.
func (m *match) size(s *chain.Span) int {
	size, known := m.sizes[s]
	if !known {
		size = 1
		for _, c := range m.under(s) {
			size += m.size(c)
		}
		m.sizes[s] = size
	}
	return size
}

// allows reports whether the node may stand for that many spans.
func (n *node) allows(spans int) bool { return spans >= n.min && (n.max < 0 || spans <= n.max) }

// alike reports whether two spans read the same if the node stands for both.
func (m *match) alike(n *node, x, y *chain.Span) bool {
	return x.Name == y.Name && m.written(x, &n.line, false) == m.written(y, &n.line, false) && m.text(x) == m.text(y)
}

// apart returns the gap between a node and a span of its name.
func (m *match) apart(n *node, s *chain.Span) *gap {
	key := pair{n, s}
	g, known := m.gaps[key]
	if !known {
		g = m.between(n.below, m.under(s))
		if !m.fitLine(n, s) {
			g = &gap{g.cost + differs, g.steps}
		}
		m.gaps[key] = g
	}
	return g
}

// diff returns the difference between the nodes and the chain.
func (m *match) diff(nodes []*node) []change {
	var d differ
	d.match = m
	d.gap(m.between(nodes, m.roots()), nodes, 0)
	return d.changes
}

type differ struct {
	*match
	changes []change
}

func (d *differ) add(op byte, depth int, text string) {
	d.changes = append(d.changes, change{op, depth, text})
}

// gap adds the changes of g, which is between the nodes and spans.
func (d *differ) gap(g *gap, nodes []*node, depth int) {
	for i := 0; i < len(g.steps); i++ {
		s := g.steps[i]
		switch {
		case s.node == nil:
			var spans []*chain.Span
			for ; i < len(g.steps) && g.steps[i].node == nil; i++ {
				spans = append(spans, g.steps[i].spans...)
			}
			i--
			d.got(spans, nodes, depth)
		case s.below != nil:
			n, text := s.node, s.node.text
			if !d.fitLine(n, s.spans[0]) {
				text = d.written(s.spans[0], &n.line, false)
				if n.counted && n.allows(len(s.spans)) {
					text = n.again(text)
				}
				if n.rest {
					text += " ..."
				}
			}
			if !n.allows(len(s.spans)) {
				text = n.times(text, len(s.spans))
			}
			d.instead(n.text, text, depth)
			d.gap(s.below, n.below, depth+1)
		case !s.node.any && len(s.spans) == 0:
			d.wanted('-', s.node, depth)
		case !s.node.any && !s.node.allows(len(s.spans)):
			d.instead(s.node.text, s.node.times(s.node.text, len(s.spans)), depth)
			for _, b := range s.node.below {
				d.wanted(' ', b, depth+1)
			}
		default:
			d.wanted(' ', s.node, depth)
		}
	}
}

// instead adds the line that was wanted and the recorded one.
func (d *differ) instead(was, is string, depth int) {
	if was == is {
		d.add(' ', depth, was)
		return
	}
	d.add('-', depth, was)
	d.add('+', depth, is)
}

// wanted adds a node and all below it.
func (d *differ) wanted(op byte, n *node, depth int) {
	if n.text == "" {
		return
	}
	d.add(op, depth, n.text)
	for _, b := range n.below {
		d.wanted(op, b, depth+1)
	}
}

// got adds spans that are too many, and all below them. Those that read the same are one
// line. nodes are the wanted siblings: if one of them describes a span, its text is used;
// if one has the span's name, the line has the same attributes.
func (d *differ) got(spans []*chain.Span, nodes []*node, depth int) {
	for len(spans) > 0 {
		s, n := spans[0], 1
		like := d.like(s, nodes)
		fits := like != nil && d.fit(like, s)
		for n < len(spans) && spans[n].Name == s.Name && d.text(spans[n]) == d.text(s) &&
			(like == nil || d.fit(like, spans[n]) == fits && d.alike(like, s, spans[n])) {
			n++
		}
		if fits {
			text := like.text
			if !like.allows(n) {
				text = like.times(text, n)
			}
			d.add('+', depth, text)
			for _, b := range like.below {
				d.wanted('+', b, depth+1)
			}
			spans = spans[n:]
			continue
		}
		var text string
		var below []*node
		if like != nil {
			text, below = d.written(s, &like.line, true), like.below
		} else {
			text = d.written(s, nil, true)
		}
		if p, err := parseLine(text); err == nil && n > 1 {
			text = p.times(text, n)
		}
		d.add('+', depth, text)
		d.got(d.under(s), below, depth+1)
		spans = spans[n:]
	}
}

// like returns the node that describes the span or, if none does, the first one with its
// name.
func (d *differ) like(s *chain.Span, nodes []*node) (like *node) {
	for _, n := range nodes {
		if n.any || !s.Named(n.name) {
			continue
		}
		if d.fit(n, s) {
			return n
		}
		if like == nil {
			like = n
		}
	}
	return like
}

// text returns the text of a span and all below it, as new lines.
func (m *match) text(s *chain.Span) string {
	text, known := m.texts[s]
	if !known {
		var b strings.Builder
		b.WriteString(m.written(s, nil, true))
		for _, c := range m.under(s) {
			b.WriteString("\n" + indent(m.text(c), "\t"))
		}
		text = b.String()
		m.texts[s] = text
	}
	return text
}

// nearby is how many lines around a difference are shown.
const nearby = 3

// readable returns the changes as text, with lines near them and above them in the tree.
func readable(changes []change) string {
	keep := make([]bool, len(changes))
	for i, c := range changes {
		if c.op == ' ' {
			continue
		}
		for k := max(i-nearby, 0); k < min(i+nearby+1, len(changes)); k++ {
			keep[k] = true
		}
	}
	above := -1 // a line is above a kept one if its depth is less than this
	for i := len(changes) - 1; i >= 0; i-- {
		if keep[i] || changes[i].depth < above {
			keep[i], above = true, changes[i].depth
		}
	}
	var b strings.Builder
	for i := 0; i < len(changes); i++ {
		n := i
		for n < len(changes) && !keep[n] {
			n++
		}
		if n > i+1 {
			fmt.Fprintf(&b, "\t  … %d lines as wanted\n", n-i)
			i = n - 1
			continue
		}
		c := changes[i]
		fmt.Fprintf(&b, "\t%c %s%s\n", c.op, strings.Repeat("  ", c.depth), c.text)
	}
	return strings.TrimRight(b.String(), "\n")
}

// accepted returns the text as it should be: the lines that match, and the recorded ones.
func accepted(changes []change) string {
	var b strings.Builder
	for _, c := range changes {
		if c.op != '-' {
			b.WriteString(strings.Repeat("\t", c.depth) + c.text + "\n")
		}
	}
	return b.String()
}
