package chain

import (
	"iter"
	"slices"
	"time"

	oteltrace "go.opentelemetry.io/otel/trace"
)

// Chain is a set of spans in causal order. It does not change after [New], so
// that any number of goroutines may read it.
type Chain struct {
	Spans []*Span // all of them, in order: Spans[i].Seq == i
	Roots []*Span // those without a parent in the chain, in order
	Skews []Skew  // the clocks that were corrected, or should have been

	// Repeats counts the spans that were left out because the source delivered
	// them more than once.
	Repeats int

	index  map[id][]*Span
	causes causes
}

// id identifies a span. It is unique in well-formed traces only: see resolve.
type id struct {
	trace oteltrace.TraceID
	span  oteltrace.SpanID
}

// Option configures [New].
type Option interface{ apply(*config) }

type config struct {
	skew    bool
	maxSkew time.Duration
}

type optionFunc func(*config)

func (f optionFunc) apply(c *config) { f(c) }

// WithoutSkewCorrection leaves all times as the source gave them.
func WithoutSkewCorrection() Option {
	return optionFunc(func(c *config) { c.skew = false })
}

// WithMaxSkew sets the largest correction of a process's clock. The default is one minute.
// A clock that is further off is left alone, and [Chain.Skews] reports it. A negative d is
// ignored.
func WithMaxSkew(d time.Duration) Option {
	return optionFunc(func(c *config) {
		if d >= 0 {
			c.maxSkew = d
		}
	})
}

// New orders spans, which may be of several traces, as one chain. It copies them: the
// caller keeps the slice, and may pass it to New again.
//
// It accepts any input. A span whose parent is missing is a root ([Span.Orphan]). A cycle
// of parents is cut above its earliest span. A link to a missing span has no Span. Spans
// delivered twice count once. If different spans have one id, a reference means the one in
// the same process, otherwise the earliest.
//
// The cost is O(n log n) for n spans, links included.
func New(spans []Span, opts ...Option) *Chain {
	return build(slices.Values([][]Span{slices.Clone(spans)}), len(spans), newConfig(opts))
}

func newConfig(opts []Option) config {
	cfg := config{skew: true, maxSkew: time.Minute}
	for _, o := range opts {
		if o != nil {
			o.apply(&cfg)
		}
	}
	return cfg
}

// build makes a chain of the n spans in parts, and owns them from then on.
func build(parts iter.Seq[[]Span], n int, cfg config) *Chain {
	b := builder{chain: &Chain{}}
	b.take(parts, n)
	b.resolve()
	b.resolveRuns()
	b.cut()
	if cfg.skew {
		b.chain.Skews = correctSkew(b.all, b.procs, cfg.maxSkew)
	}
	b.order()
	b.relate()
	return b.chain
}

// Len returns the number of spans.
func (c *Chain) Len() int { return len(c.Spans) }

// Start returns the earliest start of a span, or the zero time if no span has one. That
// need not be the start of the first span: a child comes after its parent even if it claims
// to have started before.
func (c *Chain) Start() time.Time {
	var first time.Time
	for _, s := range c.Spans {
		if !s.Start.IsZero() && (first.IsZero() || s.Start.Before(first)) {
			first = s.Start
		}
	}
	return first
}

// End returns the latest end of a span or, if that is later, the latest start. It is the
// zero time if no span has either.
func (c *Chain) End() time.Time {
	var last time.Time
	for _, s := range c.Spans {
		for _, t := range []time.Time{s.Start, s.End} {
			if t.After(last) {
				last = t
			}
		}
	}
	return last
}

// All yields all spans in the order of the chain.
func (c *Chain) All() iter.Seq[*Span] { return slices.Values(c.Spans) }

// Walk yields all spans as a tree, each parent before its children, with their depth below
// the root.
func (c *Chain) Walk() iter.Seq2[int, *Span] {
	return func(yield func(int, *Span) bool) { walk(c.Roots, yield) }
}

// Find returns the spans that match reports true for, in the order of the chain.
func (c *Chain) Find(match func(*Span) bool) []*Span {
	var found []*Span
	for _, s := range c.Spans {
		if match(s) {
			found = append(found, s)
		}
	}
	return found
}

// Named returns the spans with the given name, in the order of the chain. For a block, a
// wake, a handshake or a segment the first word is enough: "block" matches all blocks,
// "block lock" those that waited for a lock.
func (c *Chain) Named(name string) []*Span {
	return c.Find(func(s *Span) bool { return s.Named(name) })
}

// Lookup returns the span with the given identity, or nil. If several spans have it, it
// returns the earliest.
func (c *Chain) Lookup(traceID oteltrace.TraceID, spanID oteltrace.SpanID) *Span {
	if found := c.index[id{traceID, spanID}]; len(found) > 0 {
		return found[0]
	}
	return nil
}
