package schedread

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"
)

// longest returns the longest parks, and counts the others as suppressed.
func (r *reader) longest(parks []*park) []*park {
	if len(parks) <= r.cfg.maxBlocks {
		return parks
	}
	slices.SortStableFunc(parks, func(a, b *park) int { return cmp.Compare(b.took(r.last), a.took(r.last)) })
	for i, p := range parks[r.cfg.maxBlocks:] {
		r.suppress(p)
		parks[r.cfg.maxBlocks+i] = nil
	}
	return parks[:r.cfg.maxBlocks]
}

// sweep removes the goroutines that have ended and that nothing refers to.
func (r *reader) sweep() {
	used := r.used(r.done)
	for id, g := range r.gs {
		if g.died != 0 && !used[id] {
			delete(r.gs, id)
		}
	}
	r.born = 0
}

// used returns the goroutines of parks, those that are alive, and those that woke or
// started them.
func (r *reader) used(parks []*park) map[int64]bool {
	used := make(map[int64]bool, len(r.gs))
	for _, p := range parks {
		used[p.g.id] = true
		if p.waker > 0 {
			used[p.waker] = true
		}
	}
	for id, g := range r.gs {
		if g.died == 0 {
			used[id] = true
		}
	}
	above(r.gs, used)
	return used
}

// above adds the goroutines that started those in used, directly or indirectly.
func above(gs map[int64]*goroutine, used map[int64]bool) {
	for id := range used {
		for g := gs[id]; g != nil && g.creator > 0 && gs[g.creator] != nil && !used[g.creator]; g = gs[g.creator] {
			used[g.creator] = true
		}
	}
}

// trace returns the Trace when everything has been read.
func (r *reader) trace() *Trace {
	parks := r.done
	for _, g := range r.gs {
		g.spend(r.last)
		for _, p := range []*park{g.cur, g.sys, g.gc} {
			if p == nil || p.op == "" || g.system() && !r.cfg.runtime {
				continue
			}
			switch took := p.took(r.last); {
			case !p.blocks() && took < shortest:
			case took < int64(r.cfg.minBlock):
				r.suppress(p)
			default:
				parks = append(parks, p)
			}
		}
	}
	parks = r.longest(parks)
	slices.SortFunc(parks, func(a, b *park) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.g.id, b.g.id), cmp.Compare(a.op, b.op))
	})
	t := &Trace{
		Events: r.events, Blocks: len(parks), Suppressed: r.suppressed,
		cfg: r.cfg, gs: r.gs, parks: parks, origin: r.origin, zero: r.zero, end: r.last,
	}
	if t.origin.IsZero() {
		t.origin = time.Unix(0, 0)
	}
	t.Start, t.End = t.at(r.first), t.at(r.last)
	t.key = sha256.Sum256(binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(
		binary.LittleEndian.AppendUint64(nil, uint64(t.Start.UnixNano())), uint64(r.last-r.first)), uint64(r.events)))
	for id := range t.used() {
		if g := t.gs[id]; !g.system() || r.cfg.runtime {
			t.Goroutines++
		}
	}
	r.done = parks
	r.report(true)
	return t
}

// used returns the goroutines of parks, and those that woke or started them.
func (t *Trace) used() map[int64]bool {
	used := make(map[int64]bool)
	for _, p := range t.parks {
		used[p.g.id] = true
		if t.gs[p.waker] != nil {
			used[p.waker] = true
		}
	}
	above(t.gs, used)
	return used
}

// at converts a time of the trace's clock.
func (t *Trace) at(ns int64) time.Time {
	return t.origin.Add(time.Duration(ns - t.zero)).Round(0).UTC()
}
