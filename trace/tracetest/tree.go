package tracetest

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/wakechain/wakechain/trace/chain"
)

// TreeOption configures [AssertTree] and [AssertGolden].
type TreeOption interface{ applyTree(*treeConfig) }

type treeConfig struct {
	exact    bool
	keys     []attribute.Key // nil: all
	times    bool
	anyOrder bool
	below    *chain.Span
	without  []any
	prefixes []string
}

type treeFunc func(*treeConfig)

func (f treeFunc) applyTree(c *treeConfig) { f(c) }

// Exact also asserts what a line does not mention: a span may have the attributes with
// these keys, an Error status and links only if its line has them. Without keys, that
// applies to all attributes. Several such options add up.
func Exact(keys ...attribute.Key) TreeOption {
	return treeFunc(func(c *treeConfig) {
		switch {
		case c.exact && c.keys == nil: // all already
		case len(keys) == 0:
			c.keys = nil
		default:
			c.keys = append(c.keys, keys...)
		}
		c.exact = true
	})
}

// WithTimes writes the exact start and duration of spans into new lines. It is for fake
// clocks, and does not change what is asserted.
func WithTimes() TreeOption { return treeFunc(func(c *treeConfig) { c.times = true }) }

// AnyOrder accepts siblings in any order, unless one is known to happen before the other
// (see [AssertBefore]). It is for spans of concurrent goroutines.
func AnyOrder() TreeOption { return treeFunc(func(c *treeConfig) { c.anyOrder = true }) }

// Below compares only the span and all below it.
func Below(span *chain.Span) TreeOption { return treeFunc(func(c *treeConfig) { c.below = span }) }

// Without omits the spans that a matcher (a [Matcher], or the string of a [Line]) matches.
// Their children take their place. Several such options add up.
func Without(matchers ...any) TreeOption {
	return treeFunc(func(c *treeConfig) { c.without = append(c.without, matchers...) })
}

// TrimPrefix lets lines leave these prefixes out of the keys of attributes: with
// "websocket.", message.size means websocket.message.size, unless the span has an attribute
// message.size. Of several prefixes, the first one counts that makes a key of the span.
func TrimPrefix(prefixes ...string) TreeOption {
	return treeFunc(func(c *treeConfig) { c.prefixes = append(c.prefixes, prefixes...) })
}

// node is a line of text, and the lines below it.
type node struct {
	line
	text  string // without its indentation; "": the "..." at the end of the line above
	below []*node
}

// parseTree parses the text of [AssertTree].
func parseTree(want string) ([]*node, error) {
	type level struct {
		indent string
		below  *[]*node
	}
	var roots []*node
	var open []level // the last node on each level, by the indentation of its line
	number := 0
	for text := range strings.Lines(want) {
		number++
		text = strings.TrimRight(text, " \t\r\n")
		rest := strings.TrimLeft(text, " \t")
		if rest == "" {
			continue
		}
		indent := text[:len(text)-len(rest)]
		for len(open) > 0 && !deeper(indent, open[len(open)-1].indent) {
			open = open[:len(open)-1]
		}
		to := &roots
		if len(open) > 0 {
			to = open[len(open)-1].below
		}
		p, err := parseLine(rest)
		if err != nil {
			return nil, fmt.Errorf("line %d, %s: %w", number, rest, err)
		}
		n := &node{line: *p, text: rest}
		if p.rest {
			n.below = []*node{{line: line{any: true, max: -1}}}
		}
		*to = append(*to, n)
		open = append(open, level{indent, &n.below})
	}
	return roots, nil
}

func deeper(indent, than string) bool {
	return len(indent) > len(than) && strings.HasPrefix(indent, than)
}

// match compares one chain with one tree.
type match struct {
	treeConfig
	chain    *chain.Chain
	origin   time.Time
	services bool // the chain has more than one
	fits     map[pair]bool
	gaps     map[pair]*gap
	befores  map[[2]*chain.Span]bool
	texts    map[*chain.Span]string
	sizes    map[*chain.Span]int
	omitted  []Matcher
	children map[*chain.Span][]*chain.Span // by span, without those that are omitted
}

type pair struct {
	node *node
	span *chain.Span
}

func newMatch(tb testing.TB, c *chain.Chain, opts []TreeOption) *match {
	tb.Helper()
	m := &match{
		chain: c, origin: c.Start(), fits: make(map[pair]bool), gaps: make(map[pair]*gap),
		befores: make(map[[2]*chain.Span]bool), texts: make(map[*chain.Span]string),
		sizes:    make(map[*chain.Span]int),
		children: make(map[*chain.Span][]*chain.Span),
	}
	for _, o := range opts {
		if o != nil {
			o.applyTree(&m.treeConfig)
		}
	}
	for _, of := range m.without {
		m.omitted = append(m.omitted, matcherOf(tb, c, of))
	}
	m.services = slices.ContainsFunc(c.Spans, func(s *chain.Span) bool { return s.Service != c.Spans[0].Service })
	return m
}

func (m *match) roots() []*chain.Span {
	if m.below != nil {
		return []*chain.Span{m.below}
	}
	return m.kept(m.chain.Roots)
}

// under returns the spans to compare below a span.
func (m *match) under(s *chain.Span) []*chain.Span {
	if len(m.omitted) == 0 {
		return s.Children
	}
	under, known := m.children[s]
	if !known {
		under = m.kept(s.Children)
		m.children[s] = under
	}
	return under
}

// kept returns the siblings without those that are omitted, whose children take their
// place.
func (m *match) kept(siblings []*chain.Span) []*chain.Span {
	if len(m.omitted) == 0 {
		return siblings
	}
	var kept []*chain.Span
	for _, s := range siblings {
		if slices.ContainsFunc(m.omitted, func(o Matcher) bool { return o.Match(s) }) {
			kept = append(kept, m.under(s)...)
		} else {
			kept = append(kept, s)
		}
	}
	slices.SortFunc(kept, func(x, y *chain.Span) int { return cmp.Compare(x.Seq, y.Seq) })
	return kept
}

// fit reports whether the node describes the span and all below it.
func (m *match) fit(n *node, s *chain.Span) bool {
	key := pair{n, s}
	ok, known := m.fits[key]
	if !known {
		ok = m.fitLine(n, s)
		if ok {
			_, ok = m.arrange(n.below, m.under(s))
		}
		m.fits[key] = ok
	}
	return ok
}

// fitLine is fit without the spans below.
func (m *match) fitLine(n *node, s *chain.Span) bool {
	switch {
	case !n.describes(s, m.prefixes), n.open != s.End.IsZero():
		return false
	case n.start != nil && !n.start.holds(s.Start.Sub(m.origin)):
		return false
	case !m.exact:
		return true
	}
	if s.Failed() && !slices.ContainsFunc(n.attrs, func(a condition) bool { return a.field && a.key == "status" }) {
		return false
	}
	if len(n.links) != len(s.Links) {
		return false
	}
	for _, a := range s.Attributes {
		if m.keys != nil && !slices.Contains(m.keys, a.Key) {
			continue
		}
		if !slices.ContainsFunc(n.attrs, func(c condition) bool { return !c.field && c.of(s, m.prefixes) == a.Key }) {
			return false
		}
	}
	return true
}

// inOrder reports whether the nodes describe the siblings, in this order.
func (m *match) inOrder(nodes []*node, spans []*chain.Span) bool {
	failed := make(map[[2]int]bool)
	var from func(i, j int) bool
	from = func(i, j int) bool {
		if i == len(nodes) {
			return j == len(spans)
		}
		if failed[[2]int{i, j}] {
			return false
		}
		n := nodes[i]
		if n.any && (from(i+1, j) || j < len(spans) && from(i, j+1)) {
			return true
		}
		for k := j; !n.any; k++ {
			if k-j >= n.min && from(i+1, k) {
				return true
			}
			if k == len(spans) || k-j == n.max || !m.fit(n, spans[k]) {
				break
			}
		}
		failed[[2]int{i, j}] = true
		return false
	}
	return from(0, 0)
}

// before reports whether x must come before y: it started earlier (without AnyOrder) or, at
// equal times, the chain proves it.
func (m *match) before(x, y *chain.Span) bool {
	if !m.anyOrder && !x.Start.Equal(y.Start) {
		return x.Seq < y.Seq
	}
	key := [2]*chain.Span{x, y}
	before, known := m.befores[key]
	if !known {
		before = m.chain.HappensBefore(x, y)
		m.befores[key] = before
	}
	return before
}

// maxSteps limits the search for an order, in addition to some steps for each pair of a
// node and a span. A test with more possibilities asserts nothing.
const maxSteps = 20_000

// arrange reports whether the nodes describe the siblings, in the order of the chain or in
// another possible one. It returns that order, or the one that came furthest.
func (m *match) arrange(nodes []*node, spans []*chain.Span) ([]*chain.Span, bool) {
	if m.inOrder(nodes, spans) {
		return spans, true
	}
	if !m.anyOrder && !tied(spans) {
		return spans, false
	}
	a := arranging{
		match: m, nodes: nodes, spans: spans, used: make([]byte, len(spans)), failed: make(map[state]bool),
		steps: maxSteps + 2*len(nodes)*len(spans),
	}
	ok := a.from(0, 0)
	order := a.best
	if ok {
		order = a.order
	}
	for _, s := range spans {
		if !slices.Contains(order, s) {
			order = append(order, s)
		}
	}
	return order, ok
}

func tied(spans []*chain.Span) bool {
	for i := 1; i < len(spans); i++ {
		if spans[i].Start.Equal(spans[i-1].Start) {
			return true
		}
	}
	return false
}

// arranging is a search for an order of spans.
type arranging struct {
	*match
	nodes  []*node
	spans  []*chain.Span
	used   []byte // by span: 1 if it is in order
	order  []*chain.Span
	best   []*chain.Span // the longest so far
	failed map[state]bool
	steps  int
}

type state struct {
	i, n int
	used string
}

// from continues with node i, which has n spans already.
func (a *arranging) from(i, n int) bool {
	if len(a.order) > len(a.best) {
		a.best = slices.Clone(a.order)
	}
	if i == len(a.nodes) {
		return len(a.order) == len(a.spans)
	}
	at := a.nodes[i]
	if at.max < 0 {
		n = min(n, at.min)
	}
	key := state{i, n, string(a.used)}
	if a.failed[key] || a.steps == 0 {
		return false
	}
	a.steps--
	if n >= at.min && a.from(i+1, 0) {
		return true
	}
	if n != at.max {
		for j := range a.next() {
			if !at.any && !a.fit(at, a.spans[j]) {
				continue
			}
			a.used[j], a.order = 1, append(a.order, a.spans[j])
			if a.from(i, n+1) {
				return true
			}
			a.used[j], a.order = 0, a.order[:len(a.order)-1]
		}
	}
	a.failed[key] = true
	return false
}

// next yields the unused spans that no other unused one must precede.
func (a *arranging) next() func(func(int) bool) {
	return func(yield func(int) bool) {
		first := bytes.IndexByte(a.used, 0)
		if first < 0 {
			return
		}
		last := first + 1
		for last < len(a.spans) && (a.anyOrder || a.spans[last].Start.Equal(a.spans[first].Start)) {
			last++
		}
		for j := first; j < last; j++ {
			if a.used[j] == 0 && a.free(j, first, last) && !yield(j) {
				return
			}
		}
	}
}

// free reports whether no unused span from first to last must precede j.
func (a *arranging) free(j, first, last int) bool {
	for k := first; k < last; k++ {
		if k != j && a.used[k] == 0 && a.before(a.spans[k], a.spans[j]) {
			return false
		}
	}
	return true
}
