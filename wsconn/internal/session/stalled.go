package session

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"

	oteltrace "go.opentelemetry.io/otel/trace"

	core "github.com/wakechain/wakechain/internal/op"
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
	next      *stalled // another one that is pending

	errorType string // of what the program's call returned, or else of err
	why       error

	// Of a write that waited for another one, which was parked, before it did.
	waitSince    time.Time
	waitFor  *freed // nil: it did not wait
	waitReplayed bool
	freed    *freed // for those that waited for this one; nil: nobody did

	// Of the peer's wish to be told what passed, in its trace.
	peer     oteltrace.SpanContext // not valid: it is none
	rings    [2][]uint64           // as they were
	from, to int64                 // nobody asked for bytes

	mu       sync.Mutex // of what follows
	blocks   []stallBlock
	dropped     int           // blocks that found no room
	total    time.Duration // of all
	parked   time.Time     // the block in progress; zero: there is none
	source   semconv.Source
	listed   bool
	report     reportState
	ended     bool     // while telling
	op       core.Ref // once told
	replayed int      // blocks that op knows
	allowed  bool     // op is made
	reportedCause  string   // the cause that it was told for
}

type reportState uint8

const (
	unreported reportState = iota
	reporting
	reported
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
	r.dropped++
	least := -1
	first := r.replayed
	if r.report != unreported {
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

// add has r told once the program has left the library, or soon.
func (st *stalls) add(direction int, r *stalled) {
	for {
		r.next = st.pending[direction].Load()
		if st.pending[direction].CompareAndSwap(r.next, r) {
			break
		}
	}
	if !st.timer.Swap(true) {
		time.AfterFunc(settleAfter, func() {
			st.timer.Store(false)
			st.settle(inward, context.Background(), "", nil)
			st.settle(outward, context.Background(), "", nil)
		})
	}
}

// settleAfter is how long what is over waits for the program to leave the library, where
// the program may have called it past the session.
const settleAfter = 100 * time.Millisecond
