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

// stalled is an operation that has parked, until its end: a write of a message, or a
// read in the middle of one. Most end soon, and are not reported.
type stalled struct {
	c          *stallConn
	writes     bool
	message    passage // once it has ended
	err        error   // of the connection below
	start, end time.Time
	next       *stalled // in the list of pending ones

	errorType string // of the program's call, or else of err
	why       error

	// For a write that waited for another one, before it parked itself.
	waitSince    time.Time
	waitFor      *freed // the end of that write; nil: it did not wait
	waitReplayed bool
	freed        *freed // the end of this write, for those that waited; nil: none did

	// For a request of the peer to report the history in its trace.
	peer     oteltrace.SpanContext // invalid: this is no request
	rings    [2][]uint64           // copies, by direction
	from, to int64                 // when the library did not read, on the coarse clock

	mu            sync.Mutex // guards what follows
	blocks        []stallBlock
	dropped       int           // blocks that are not kept
	total         time.Duration // of all blocks
	parked        time.Time     // since when; zero: not now
	source        semconv.Source
	listed        bool
	report        reportState
	ended         bool     // while it was reported
	op            core.Ref // once reported
	replayed      int      // blocks that were replayed to op
	allowed       bool     // the limiter allowed the report: op is valid
	reportedCause string   // the cause at the first report
}

type reportState uint8

const (
	unreported reportState = iota
	reporting
	reported
)

// stallBlock is a completed block.
type stallBlock struct {
	from, to time.Time
	source   semconv.Source
	wake     semconv.WakeReason
	by       oteltrace.SpanContext
	attrs    []attribute.KeyValue // reused memory
}

const (
	// maxStallBlocks is how many blocks of an operation are kept: the longest.
	maxStallBlocks = 64

	// leastEvidence is the shortest block for which the kernel's counters show
	// anything.
	leastEvidence = 8 * time.Millisecond
)

var stalledRecords = sync.Pool{New: func() any { return new(stalled) }}

func (r *stalled) free() {
	*r = stalled{blocks: r.blocks[:0], rings: r.rings}
	stalledRecords.Put(r)
}

// room returns a slot for a block that lasted d, if need be that of the shortest block
// that may be replaced; nil: none of these is shorter than d. The caller holds r.mu.
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
		first++ // op may be in that block now
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

// add queues r, which is reported when the program leaves the library, or soon.
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

// settleAfter is how long an ended operation waits for the program to leave the
// library. The program may have bypassed the session.
const settleAfter = 100 * time.Millisecond
