package trace

import (
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"

	core "github.com/wakechain/wakechain/internal/op"
	"github.com/wakechain/wakechain/trace/semconv"
)

// totals are how long a goroutine's operations were blocked. They are guarded by its Task's
// mutex.
type totals struct {
	blocks  int
	blocked time.Duration // the sum of all blocks
	reasons []reasonTotal

	// Operations of one goroutine do not overlap, but its context may be used by
	// others: it counts as blocked while at least one operation is.
	parked int           // operations that are blocked
	since  time.Time     // when parked became 1
	still  time.Duration // how long parked was not 0

	from  time.Time // the last lap
	waits []wait    // the blocks in progress

	ran time.Time // when the latest block ended

	culprits
}

// wait is the block in progress of an operation.
type wait struct {
	ref    core.Ref
	name   string // of the operation
	reason string
	on     any
	since  time.Time
}

type reasonTotal struct {
	reason semconv.Reason
	d      time.Duration
}

// owner is a Task for the event core.
type owner Task

var _ core.Owner = (*owner)(nil)

// Parked counts a block that begins.
func (o *owner) Parked(ref core.Ref, r *core.Record, reason string, at time.Time) {
	(*Task)(o).parkedAt(&wait{ref, r.Name, reason, r.On, at})
}

// Unparked counts a block that has ended.
func (o *owner) Unparked(ref core.Ref, reason string, since, at time.Time) {
	(*Task)(o).unparked(ref, semconv.Reason(reason), since, at)
}

// Key returns the Task.
func (o *owner) Key() any { return (*Task)(o) }

// parkedAt counts an operation that is blocked from now on, for the task and those that it
// runs in.
func (t *Task) parkedAt(w *wait) {
	for ; t != nil; t = t.outer {
		t.mu.Lock()
		if t.parked == 0 {
			t.since = w.since
		}
		t.parked++
		if t.waits == nil {
			t.waits = t.one[:0]
		}
		t.waits = append(t.waits, *w)
		t.mu.Unlock()
	}
}

// unparked counts a block that has ended. If end is zero, the goroutine did not park.
func (t *Task) unparked(ref core.Ref, r semconv.Reason, start, end time.Time) {
	none := end.IsZero()
	if none {
		end = start
	}
	for ; t != nil; t = t.outer {
		t.mu.Lock()
		t.waits = slices.DeleteFunc(t.waits, func(w wait) bool { return w.ref == ref })
		if t.parked--; t.parked == 0 {
			t.still += max(end.Sub(t.since), 0)
		}
		if !none {
			d := max(end.Sub(latest(start, t.from)), 0) // the last lap may have come after end
			t.add(r, d)
			t.addBlock(&longest{ref: ref, since: start, took: d, reason: r})
			t.ran = end
		}
		t.mu.Unlock()
	}
}

func (t *totals) add(r semconv.Reason, d time.Duration) {
	t.blocks++
	t.blocked += d
	for i := range t.reasons {
		if t.reasons[i].reason == r {
			t.reasons[i].d += d
			return
		}
	}
	t.reasons = append(t.reasons, reasonTotal{r, d})
}

// lap appends the totals since the last lap and begins the next one at end. Of a block in
// progress, the time until end counts.
func (t *totals) lap(attrs []attribute.KeyValue, start, end time.Time) []attribute.KeyValue {
	for i := range t.waits {
		w := &t.waits[i]
		d := max(end.Sub(latest(w.since, t.from)), 0)
		t.add(semconv.Reason(w.reason), d)
		t.addBlock(&longest{ref: w.ref, since: w.since, took: d, reason: semconv.Reason(w.reason)})
	}
	if t.parked > 0 {
		t.still += max(end.Sub(t.since), 0)
		t.since = end
	}
	attrs = t.attributes(attrs, start, end)
	t.blocks, t.blocked, t.reasons, t.still, t.from = 0, 0, nil, 0, end
	return attrs
}

// attributes appends the totals, if there was a block.
func (t *totals) attributes(attrs []attribute.KeyValue, start, end time.Time) []attribute.KeyValue {
	if t.blocks > 0 {
		attrs = append(attrs, semconv.BlockDurationKey.Float64(t.blocked.Seconds()),
			semconv.GoroutineRunningKey.Float64(max(end.Sub(start)-t.still, 0).Seconds()))
	}
	if t.blocks > 1 {
		attrs = append(attrs, semconv.BlockCountKey.Int(t.blocks))
	}
	for _, r := range t.reasons {
		attrs = append(attrs, semconv.GoroutineBlockedKey(r.reason).Float64(r.d.Seconds()))
	}
	return attrs
}
