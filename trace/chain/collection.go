package chain

import "slices"

// Collection gathers the spans of several sources for one chain. It needs less memory than
// [Read] and [New], because its Chain uses the spans without copying them. The zero value
// is an empty collection.
//
// It is not safe for concurrent use.
type Collection struct {
	parts [][]Span // each has partSize spans, except the last
	n     int
}

// partSize is the number of spans in a part. A part never grows beyond it, so its spans
// never move.
const partSize = 1024

// Len returns the number of spans.
func (c *Collection) Len() int { return c.n }

// Add adds spans, which it copies.
func (c *Collection) Add(spans ...Span) {
	for i := range spans {
		c.add(&spans[i])
	}
}

func (c *Collection) add(s *Span) {
	if c.n%partSize == 0 {
		c.parts = append(c.parts, make([]Span, 0, partSize))
	}
	last := &c.parts[len(c.parts)-1]
	*last = append(*last, *s)
	c.n++
}

func (c *Collection) at(i int) *Span { return &c.parts[i/partSize][i%partSize] }

// Spans returns a copy of the spans, in their order.
func (c *Collection) Spans() []Span { return slices.Concat(c.parts...) }

// Chain makes a chain of the spans, as [New] does, and leaves the collection empty.
func (c *Collection) Chain(opts ...Option) *Chain {
	parts, n := c.parts, c.n
	*c = Collection{}
	return build(slices.Values(parts), n, newConfig(opts))
}

// take returns the spans and leaves the collection empty. It releases each part once it is
// copied.
func (c *Collection) take() []Span {
	if c.n == 0 {
		return nil
	}
	spans := make([]Span, 0, c.n)
	for i, part := range c.parts {
		spans = append(spans, part...)
		c.parts[i] = nil
	}
	*c = Collection{}
	return spans
}
