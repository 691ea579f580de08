package session

import (
	"sync/atomic"
	"time"

	"github.com/wakechain/wakechain/trace/netpoll"
	"github.com/wakechain/wakechain/trace/semconv"
)

// parkWatch observes the parks of one direction.
type parkWatch struct {
	c      *stallConn
	writes bool
	parked atomic.Bool
	record atomic.Pointer[stalled] // of the current operation; nil: it has not parked
}

var _ netpoll.Observer = (*parkWatch)(nil)

// Park is called with the descriptor locked.
func (w *parkWatch) Park(p netpoll.Park) {
	if p.Reason != semconv.ReasonNetRead && p.Reason != semconv.ReasonNetWrite {
		return // another call of the conn
	}
	r := w.record.Load()
	if r == nil {
		r = stalledRecords.Get().(*stalled)
		r.c, r.writes = w.c, w.writes
		if w.writes {
			r.waitSince, r.waitFor = w.c.st.waits.Load().claim()
		}
		w.record.Store(r)
	}
	r.mu.Lock()
	r.parked, r.source = p.At, p.Source
	list := !r.listed
	r.listed = true
	r.mu.Unlock()
	w.parked.Store(true)
	if list {
		parked.add(r)
	}
}

// Wake is called when the goroutine runs again.
func (w *parkWatch) Wake(k netpoll.Wake) {
	r := w.record.Load()
	if r == nil || !w.parked.Load() {
		return
	}
	w.parked.Store(false)
	r.mu.Lock()
	defer r.mu.Unlock()
	since := r.parked
	r.parked = time.Time{}
	if k.Reason == "" || since.IsZero() {
		return
	}
	r.total += k.Blocked
	if b := r.room(k.Blocked); b != nil {
		b.from, b.to, b.source, b.wake, b.by, b.attrs = since, k.At, r.source, k.Reason, k.By, b.attrs[:0]
		if k.Evidence != nil && k.Blocked >= leastEvidence {
			b.attrs = k.Evidence.AppendTo(b.attrs)
		}
	}
}

// end is called when the operation ends, with a complete message or an error.
func (w *parkWatch) end(m passage, err error) {
	r := w.record.Load()
	if r == nil {
		return
	}
	w.record.Store(nil)
	st := w.c.st
	r.message, r.err = m, err
	if w.writes {
		r.freed = st.waits.Load().writeFreed()
	}
	r.mu.Lock()
	listed, tell := r.listed, r.report != unreported || r.total >= st.after || r.waited() >= st.after || err != nil && !w.c.closed.Load()
	if r.report == reported {
		r.freed.name(r.op)
	}
	r.mu.Unlock()
	if listed {
		parked.remove(r)
	}
	if !tell {
		r.free()
		return
	}
	r.end = time.Now()
	st.add(r.direction(), r)
}
