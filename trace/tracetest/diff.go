package tracetest

import (
	"fmt"
	"strings"

	"github.com/wakechain/wakechain/trace/chain"
)

// change is one line of the difference of two trees.
type change struct {
	op    byte // ' ' both, '-' only wanted, '+' only there
	depth int
	text  string
}

// gap says how far a span is from a node of its name, or siblings are from
// nodes.
type gap struct {
	cost  int
	steps []step
}

// step is what a gap does with the next nodes and spans.
type step struct {
	node  *node // nil: the spans are not wanted
	spans []*chain.Span
	below *gap // node and span are of one name, but differ
}

// nameless is what it costs that a line differs.
const nameless = 1

// between returns the cheapest way from nodes to siblings.
func (m *match) between(nodes []*node, spans []*chain.Span) *gap {
	order, _ := m.arrange(nodes, spans)
	// best[i][j] is the way from nodes[i:] to order[j:], as its first step.
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
			w := way{cost: 1 << 60}
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
					if got := k + 1 - j; got < n.min || n.max >= 0 && got > n.max {
						cost = nameless
					}
					take(cost, i+1, k+1, step{node: n, spans: order[j : k+1]})
				}
				if j < len(order) && !n.any && n.max == 1 && n.name == order[j].Name && !m.fit(n, order[j]) {
					below := m.apart(n, order[j])
					take(below.cost, i+1, j+1, step{node: n, spans: order[j : j+1], below: below})
				}
				cost := 0
				if !n.any {
					cost = 1 + n.size()
				}
				take(cost, i+1, j, step{node: n})
			}
			if j < len(order) {
				take(2, i, j+1, step{spans: order[j : j+1]})
			}
			best[i][j] = w
		}
	}
	g := &gap{cost: best[0][0].cost}
	for i, j := 0, 0; i < len(nodes) || j < len(order); {
		w := best[i][j]
		if w.step.node != nil || w.step.spans != nil { // else "..." takes one more
			g.steps = append(g.steps, w.step)
		}
		i, j = w.i, w.j
	}
	return g
}

// size is how many lines a node has.
func (n *node) size() int {
	size := 1
	for _, b := range n.below {
		size += b.size()
	}
	return size
}

// apart returns the way from a node to a span of its name.
func (m *match) apart(n *node, s *chain.Span) *gap {
	key := pair{n, s}
	g, known := m.gaps[key]
	if !known {
		g = m.between(n.below, m.under(s))
		if !m.fitLine(n, s) {
			g = &gap{g.cost + nameless, g.steps}
		}
		m.gaps[key] = g
	}
	return g
}

// diff returns the difference between the nodes and the chain.
func (m *match) diff(nodes []*node) []change {
	var d differ
	d.match = m
	d.gap(m.between(nodes, m.roots()), 0)
	return d.changes
}

type differ struct {
	*match
	changes []change
}

func (d *differ) add(op byte, depth int, text string) {
	d.changes = append(d.changes, change{op, depth, text})
}

func (d *differ) gap(g *gap, depth int) {
	for i := 0; i < len(g.steps); i++ {
		s := g.steps[i]
		switch {
		case s.node == nil:
			var spans []*chain.Span
			for ; i < len(g.steps) && g.steps[i].node == nil; i++ {
				spans = append(spans, g.steps[i].spans...)
			}
			i--
			d.got(spans, depth)
		case s.below != nil:
			if d.fitLine(s.node, s.spans[0]) {
				d.add(' ', depth, s.node.text)
			} else {
				d.add('-', depth, s.node.text)
				text := d.written(s.spans[0], &s.node.line)
				if s.node.rest {
					text += " ..."
				}
				d.add('+', depth, text)
			}
			d.gap(s.below, depth+1)
		case !s.node.any && len(s.spans) == 0:
			d.wanted('-', s.node, depth)
		case len(s.spans) < s.node.min, s.node.max >= 0 && len(s.spans) > s.node.max:
			d.add('-', depth, s.node.text)
			d.add('+', depth, s.node.times(s.node.text, len(s.spans)))
			for _, b := range s.node.below {
				d.wanted(' ', b, depth+1)
			}
		default:
			d.wanted(' ', s.node, depth)
		}
	}
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

// got adds spans that no node describes, and all below them, those that read the
// same as one.
func (d *differ) got(spans []*chain.Span, depth int) {
	for len(spans) > 0 {
		n := 1
		for n < len(spans) && d.text(spans[n]) == d.text(spans[0]) {
			n++
		}
		text := d.written(spans[0], nil)
		if p, err := parseLine(text); err == nil && n > 1 {
			text = p.times(text, n)
		}
		d.add('+', depth, text)
		d.got(d.under(spans[0]), depth+1)
		spans = spans[n:]
	}
}

// text returns all that is written of a span and what is below it.
func (m *match) text(s *chain.Span) string {
	text, known := m.texts[s]
	if !known {
		var b strings.Builder
		b.WriteString(m.written(s, nil))
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

// readable writes the changes with what is near them and above them in the tree.
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
	above := -1 // the depth that the line must be less than to be above a kept one
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

// accepted writes what the text is to be: what is wanted and there, and what is
// there instead.
func accepted(changes []change) string {
	var b strings.Builder
	for _, c := range changes {
		if c.op != '-' {
			b.WriteString(strings.Repeat("\t", c.depth) + c.text + "\n")
		}
	}
	return b.String()
}
