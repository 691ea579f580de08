package explain

import (
	"time"

	"github.com/wakechain/wakechain/trace/chain"
)

// noticeable is the minimum duration that alone makes a finding, and long is that of a
// problem.
const (
	noticeable = 100 * time.Millisecond
	long       = time.Second
)

// graded returns the severity of blocks of which the longest took d. Short ones are Info,
// however many there are: they only follow the pace of the other side.
func graded(d time.Duration) Severity {
	switch {
	case d >= long:
		return Problem
	case d >= noticeable:
		return Warning
	default:
		return Info
	}
}

// repeated are the blocks of one finding.
type repeated struct {
	first, last, longest *block
	count                int
	total                time.Duration
}

func (r *repeated) add(b *block) {
	if r.first == nil {
		r.first = b
	}
	if r.longest == nil || b.Duration() > r.longest.Duration() {
		r.longest = b
	}
	r.last = b
	r.count++
	r.total = chain.Sum(r.total, b.Duration())
}

// finding returns the numbers and the spans of a finding.
func (r *repeated) finding(s *scene) Finding {
	return Finding{Spans: r.longest.spans(), At: r.first.Start.Sub(s.start), Count: r.count, Total: r.total}
}

// groups are values by key, in the order in which their keys were added.
type groups[K comparable, V any] struct {
	all []*V
	by  map[K]*V
}

func newGroups[K comparable, V any]() *groups[K, V] { return &groups[K, V]{by: make(map[K]*V)} }

func (g *groups[K, V]) of(k K) *V {
	v := g.by[k]
	if v == nil {
		v = new(V)
		g.by[k] = v
		g.all = append(g.all, v)
	}
	return v
}
