package session

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// parkedList is the set of operations of all connections that have parked and not
// ended.
type parkedList struct {
	mu  sync.Mutex
	all map[*stalled]struct{}
	n   atomic.Int64
}

var parked = parkedList{all: map[*stalled]struct{}{}}

func (l *parkedList) add(r *stalled) {
	l.mu.Lock()
	l.all[r] = struct{}{}
	l.n.Store(int64(len(l.all)))
	l.mu.Unlock()
}

func (l *parkedList) remove(r *stalled) {
	l.mu.Lock()
	delete(l.all, r)
	l.n.Store(int64(len(l.all)))
	l.mu.Unlock()
}

// look reports the operations that have been blocked for long.
func (l *parkedList) look() {
	if l.n.Load() == 0 {
		return
	}
	now := time.Now()
	var due []*stalled
	l.mu.Lock()
	for r := range l.all {
		r.mu.Lock()
		if !r.parked.IsZero() && r.report == unreported && r.total+now.Sub(r.parked) >= r.c.st.after {
			r.report = reporting
			due = append(due, r)
		}
		r.mu.Unlock()
	}
	l.mu.Unlock()
	if len(due) > 0 {
		slices.SortFunc(due, func(a, b *stalled) int { return a.parkedAt().Compare(b.parkedAt()) })
		go func() { // an exporter may block
			for _, r := range due {
				r.reportBlocked(now)
			}
		}()
	}
}

func (r *stalled) direction() int {
	if r.writes {
		return outward
	}
	return inward
}

func (r *stalled) parkedAt() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.parked
}
