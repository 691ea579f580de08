package live

import (
	"cmp"
	"slices"
	"time"
)

// Filter selects a part of a view. The zero Filter selects everything.
type Filter struct {
	// Min excludes goroutines that have waited for less, and those that run.
	Min time.Duration

	// Connection is the ID of one end of a connection. It excludes all goroutines except
	// those that read, write or wait for this end or the other one.
	Connection string
}

// Filter returns a new view with the part of v that f selects. It includes the goroutines
// that the selected ones wait for, directly or through others. Counts are still those of v.
func (v *View) Filter(f Filter) *View {
	if f == (Filter{}) {
		return v
	}
	p := newPart(v)
	ends := map[string]bool{}
	for i := range v.Connections {
		c := &v.Connections[i]
		if f.Connection != "" && (c.ID == f.Connection || c.Peer == f.Connection) {
			ends[c.ID] = true
			for _, d := range []*Doing{c.Reader, c.Writer} {
				if d != nil && f.Min == 0 {
					p.want(d.Goroutine)
				}
			}
		}
	}
	for i := range v.Goroutines {
		g := &v.Goroutines[i]
		for j := range g.Waits {
			w := &g.Waits[j]
			if w.Age >= f.Min && (f.Connection == "" || ends[w.Connection]) {
				p.want(g.Key)
			}
		}
	}
	for i := range v.Findings {
		found := &v.Findings[i]
		if !found.Since.IsZero() && v.At.Sub(found.Since) < f.Min {
			continue
		}
		if f.Connection == "" || slices.ContainsFunc(found.Connections, func(id string) bool { return ends[id] }) ||
			slices.ContainsFunc(found.Goroutines, func(key string) bool { return p.wanted[key] }) {
			p.findings[i] = true
			p.want(found.Goroutines...)
		}
	}
	return p.view(func(c *Connection) bool {
		if f.Connection != "" {
			return ends[c.ID]
		}
		return p.touches(c)
	})
}

// copied returns a shallow copy of v.
func (v *View) copied() *View {
	return &View{
		Version: v.Version, At: v.At, Took: v.Took, Processes: v.Processes,
		Goroutines: v.Goroutines, Connections: v.Connections, Findings: v.Findings, Counts: v.Counts,
	}
}

// part is a part of a view.
type part struct {
	whole    *View
	index    map[string]*Goroutine
	wanted   map[string]bool // selected goroutines
	findings map[int]bool
}

func newPart(v *View) *part {
	p := &part{whole: v, index: make(map[string]*Goroutine, len(v.Goroutines)), wanted: map[string]bool{}, findings: map[int]bool{}}
	for i := range v.Goroutines {
		p.index[v.Goroutines[i].Key] = &v.Goroutines[i]
	}
	return p
}

// want selects goroutines, and those that they wait for.
func (p *part) want(keys ...string) {
	for len(keys) > 0 {
		key := keys[len(keys)-1]
		keys = keys[:len(keys)-1]
		g := p.index[key]
		if g == nil || p.wanted[key] {
			continue
		}
		p.wanted[key] = true
		for i := range g.Waits {
			for _, h := range g.Waits[i].Holders {
				keys = append(keys, h.Goroutine)
			}
		}
	}
}

// touches reports whether a selected goroutine reads or writes c, or read it last.
func (p *part) touches(c *Connection) bool {
	for _, d := range []*Doing{c.Reader, c.Writer} {
		if d != nil && p.wanted[d.Goroutine] {
			return true
		}
	}
	return false
}

func (p *part) view(end func(*Connection) bool) *View {
	v := p.whole.copied()
	v.Goroutines, v.Connections, v.Findings = []Goroutine{}, []Connection{}, []Finding{}
	on := map[string]bool{}
	for _, g := range p.whole.Goroutines {
		if p.wanted[g.Key] {
			v.Goroutines = append(v.Goroutines, g)
			for i := range g.Waits {
				on[g.Waits[i].Connection] = true
			}
		}
	}
	for i := range p.whole.Connections {
		if c := &p.whole.Connections[i]; end(c) {
			on[c.ID] = true
		}
	}
	for _, c := range p.whole.Connections {
		if on[c.ID] || c.Peer != "" && on[c.Peer] {
			v.Connections = append(v.Connections, c)
		}
	}
	for i, f := range p.whole.Findings {
		if p.findings[i] {
			v.Findings = append(v.Findings, f)
		}
	}
	return v
}

// limited returns v with at most n goroutines and n connections. Goroutines that findings
// name come first, then those that have waited longest. Connections that findings or these
// goroutines' waits name come first, then the oldest. Counts stay those of v.
func (v *View) limited(n int) *View {
	if len(v.Goroutines) <= n && len(v.Connections) <= n {
		return v
	}
	named := map[string]bool{}
	for i := range v.Findings {
		for _, key := range v.Findings[i].Goroutines {
			named[key] = true
		}
		for _, id := range v.Findings[i].Connections {
			named[id] = true
		}
	}
	few := v.copied()
	few.Goroutines = best(v.Goroutines, n, func(g *Goroutine) time.Duration {
		if named[g.Key] {
			return 1<<63 - 1
		}
		return stuck(g)
	})
	for i := range few.Goroutines {
		for j := range few.Goroutines[i].Waits {
			if w := &few.Goroutines[i].Waits[j]; !w.Idle {
				named[w.Connection] = true
			}
		}
	}
	few.Connections = best(v.Connections, n, func(c *Connection) time.Duration {
		if named[c.ID] || named[c.Peer] {
			return 1<<63 - 1
		}
		return c.Age
	})
	return few
}

// stuck returns how long g has waited, without idle waits. 0 means that it does not wait.
func stuck(g *Goroutine) (longest time.Duration) {
	for i := range g.Waits {
		if w := &g.Waits[i]; !w.Idle {
			longest = max(longest, w.Age)
		}
	}
	return longest
}

// best returns the n elements with the greatest values, in their order in all.
func best[T any](all []T, n int, value func(*T) time.Duration) []T {
	if len(all) <= n {
		return all
	}
	order := make([]int, len(all))
	values := make([]time.Duration, len(all))
	for i := range all {
		order[i], values[i] = i, value(&all[i])
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(values[j], values[i]) })
	order = order[:n]
	slices.Sort(order)
	few := make([]T, n)
	for i, at := range order {
		few[i] = all[at]
	}
	return few
}
