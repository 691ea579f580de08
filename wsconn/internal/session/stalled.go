package session

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"

	oteltrace "go.opentelemetry.io/otel/trace"

	core "github.com/wakechain/wakechain/internal/op"
	"github.com/wakechain/wakechain/trace/netpoll"
	"github.com/wakechain/wakechain/trace/semconv"
)

// stalled is an operation that has parked, until it is over: a write of a message, or a
// read in the midst of one. Most are over at once, and told to nobody.
type stalled struct {
	c          *stallConn
	writes     bool
	message    passage // that it was of, once it is over
	err        error   // of the conn
	start, end time.Time
	after      *stalled // another one that is pending

	errorType string // of what the program's call returned, or else of err
	why       error

	// Of a write that waited for another one, which was parked, before it did.
	waits    time.Time
	waitFor  *freed // nil: it did not wait
	waitTold bool
	freed    *freed // for those that waited for this one; nil: nobody did

	// Of the peer's wish to be told what passed, in its trace.
	peer     oteltrace.SpanContext // not valid: it is none
	rings    [2][]uint64           // as they were
	from, to int64                 // nobody asked for bytes

	mu       sync.Mutex // of what follows
	blocks   []stallBlock
	left     int           // blocks that found no room
	total    time.Duration // of all
	parked   time.Time     // the block in progress; zero: there is none
	source   semconv.Source
	listed   bool
	told     telling
	over     bool     // while telling
	op       core.Ref // once told
	replayed int      // blocks that op knows
	allowed  bool     // op is made
	toldFor  string   // the cause that it was told for
}

type telling uint8

const (
	untold telling = iota
	tellingNow
	toldNow
)

// stallBlock is a block that is over.
type stallBlock struct {
	from, to time.Time
	source   semconv.Source
	wake     semconv.WakeReason
	by       oteltrace.SpanContext
	attrs    []attribute.KeyValue // in memory that is used again
}

const (
	// maxStallBlocks are the blocks of an operation that are kept: the longest.
	maxStallBlocks = 64

	// leastEvidence is how long a block must last for the kernel's counters to say
	// anything of it.
	leastEvidence = 8 * time.Millisecond
)

var stalledRecords = sync.Pool{New: func() any { return new(stalled) }}

func (r *stalled) free() {
	*r = stalled{blocks: r.blocks[:0], rings: r.rings}
	stalledRecords.Put(r)
}

// parkWatch is told of the parks of one direction.
type parkWatch struct {
	c      *stallConn
	writes bool
	parked atomic.Bool
	record atomic.Pointer[stalled] // of the operation in progress; nil: it has not parked
}

var _ netpoll.Observer = (*parkWatch)(nil)

// Park is called where the descriptor is locked.
func (w *parkWatch) Park(p netpoll.Park) {
	if p.Reason != semconv.ReasonNetRead && p.Reason != semconv.ReasonNetWrite {
		return // for another call of the conn, which is told of by itself
	}
	r := w.record.Load()
	if r == nil {
		r = stalledRecords.Get().(*stalled)
		r.c, r.writes = w.c, w.writes
		if w.writes {
			r.waits, r.waitFor = w.c.st.waits.Load().claim()
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

// room returns the place for a block that lasted d, in that of the shortest one where
// there is no other; nil: it is shorter than all. The caller holds r.mu.
func (r *stalled) room(d time.Duration) *stallBlock {
	n := len(r.blocks)
	if n < maxStallBlocks {
		if n < cap(r.blocks) {
			r.blocks = r.blocks[:n+1]
		} else {
			r.blocks = append(r.blocks, stallBlock{})
		}
		return &r.blocks[n]
	}
	r.left++
	least := -1
	first := r.replayed
	if r.told != untold {
		first++ // op is in that one
	}
	for i := first; i < n; i++ {
		if b := &r.blocks[i]; least < 0 || b.to.Sub(b.from) < r.blocks[least].to.Sub(r.blocks[least].from) {
			least = i
		}
	}
	if least < 0 || r.blocks[least].to.Sub(r.blocks[least].from) >= d {
		return nil
	}
	short := r.blocks[least]
	copy(r.blocks[least:], r.blocks[least+1:])
	r.blocks[n-1] = short
	return &r.blocks[n-1]
}

// over is called when the operation is over that passed a message, or failed.
func (w *parkWatch) over(m passage, err error) {
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
	listed, tell := r.listed, r.told != untold || r.total >= st.after || r.waited() >= st.after || err != nil && !w.c.closed.Load()
	if r.told == toldNow {
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

// add has r told once the program has left the library, or soon.
func (st *stalls) add(direction int, r *stalled) {
	for {
		r.after = st.pending[direction].Load()
		if st.pending[direction].CompareAndSwap(r.after, r) {
			break
		}
	}
	if !st.timer.Swap(true) {
		time.AfterFunc(settleAfter, func() {
			st.timer.Store(false)
			st.settle(receiving, context.Background(), "", nil)
			st.settle(transmitting, context.Background(), "", nil)
		})
	}
}

// settleAfter is how long what is over waits for the program to leave the library, where
// the program may have called it past the session.
const settleAfter = 100 * time.Millisecond

// parkedList are the operations that have parked and are not over, of all connections.
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

// look has those told that have come to be blocked for long.
func (l *parkedList) look() {
	if l.n.Load() == 0 {
		return
	}
	now := time.Now()
	var due []*stalled
	l.mu.Lock()
	for r := range l.all {
		r.mu.Lock()
		if !r.parked.IsZero() && r.told == untold && r.total+now.Sub(r.parked) >= r.c.st.after {
			r.told = tellingNow
			due = append(due, r)
		}
		r.mu.Unlock()
	}
	l.mu.Unlock()
	if len(due) > 0 {
		slices.SortFunc(due, func(a, b *stalled) int { return a.parkedAt().Compare(b.parkedAt()) })
		go func() { // an exporter may take its time
			for _, r := range due {
				r.tellProgress(now)
			}
		}()
	}
}

func (r *stalled) direction() int {
	if r.writes {
		return transmitting
	}
	return receiving
}

func (r *stalled) parkedAt() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.parked
}
