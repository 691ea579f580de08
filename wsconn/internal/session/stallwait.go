package session

import (
	"sync"
	"sync/atomic"
	"time"

	oteltrace "go.opentelemetry.io/otel/trace"

	core "github.com/wakechain/wakechain/internal/op"
	"github.com/wakechain/wakechain/trace/semconv"
)

// stallWait is a write that waits for another one, which is parked.
type stallWait struct {
	goroutine int64
	since     time.Time
	claimed   bool // by the stalled record of the same write, which has parked itself
}

// stallWaits are the waiting writes of a connection.
type stallWaits struct {
	n     atomic.Int32
	mu    sync.Mutex
	all   []*stallWait
	freed *freed // the last one; nil: none yet
}

// freed is the end of a write that had parked and that others waited for.
type freed struct {
	at time.Time
	by atomic.Pointer[oteltrace.SpanContext] // nil: not reported, or not yet
}

// waitBegins is called when a write begins. It returns nil unless a parked write is in
// its way.
func (st *stalls) waitBegins() *stallWait {
	if st.lib.ConcurrentWriters || st.conn == nil || !st.conn.write.parked.Load() {
		return nil
	}
	w := &stallWait{goroutine: core.GoroutineID(), since: time.Now()}
	st.waits.CompareAndSwap(nil, new(stallWaits))
	x := st.waits.Load()
	x.mu.Lock()
	defer x.mu.Unlock()
	x.all = append(x.all, w)
	x.n.Store(int32(len(x.all)))
	return w
}

// waitEnds is called when the write has ended. It returns the end of the write that was
// in its way, unless the wait is reported with the write's own stall.
func (st *stalls) waitEnds(w *stallWait) *freed {
	if w == nil {
		return nil
	}
	x := st.waits.Load()
	x.mu.Lock()
	defer x.mu.Unlock()
	for i, other := range x.all {
		if other == w {
			x.all = append(x.all[:i], x.all[i+1:]...)
			break
		}
	}
	x.n.Store(int32(len(x.all)))
	if w.claimed || x.freed == nil || x.freed.at.Before(w.since) {
		return nil
	}
	return x.freed
}

// writeFreed is called when a write ends that had parked.
func (x *stallWaits) writeFreed() *freed {
	if x == nil || x.n.Load() == 0 {
		return nil
	}
	f := &freed{at: time.Now()}
	x.mu.Lock()
	x.freed = f
	x.mu.Unlock()
	return f
}

// claim returns the calling goroutine's wait for another write before its own write
// parked.
func (x *stallWaits) claim() (since time.Time, f *freed) {
	if x == nil || x.n.Load() == 0 {
		return since, nil
	}
	id := core.GoroutineID()
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, w := range x.all {
		if w.goroutine == id && x.freed != nil && !x.freed.at.Before(w.since) {
			w.claimed = true
			return w.since, x.freed
		}
	}
	return since, nil
}

// waited returns how long the write had waited for another one.
func (r *stalled) waited() time.Duration {
	if r.waitFor == nil {
		return 0
	}
	return r.waitFor.at.Sub(r.waitSince)
}

// reportWait reports a write of size bytes that waited for another one, if it waited
// for long.
func (st *stalls) reportWait(since time.Time, f *freed, size int64) {
	if f.at.Sub(since) < st.after {
		return
	}
	attrs, ok := st.allow(stallWriteLock)
	if !ok {
		return
	}
	op := st.start(semconv.SpanWrite, since.Add(-core.Tick(since)), append(attrs, transmit))
	f.replay(op, since)
	attrs = st.conn.appendHistory(nil, since)
	if size >= 0 {
		attrs = append(attrs, semconv.WebSocketMessageSizeKey.Int64(size))
	}
	op.End(&core.End{Time: f.at.Add(core.Tick(f.at)), Attrs: attrs})
}

// name notes the span of op, the write that others waited for; f may be nil.
func (f *freed) name(op core.Ref) {
	if f == nil {
		return
	}
	if sc := op.SpanContext(); sc.IsSampled() {
		f.by.Store(&sc)
	}
}

// replay records the wait on op.
func (f *freed) replay(op core.Ref, since time.Time) {
	var by oteltrace.SpanContext
	if sc := f.by.Load(); sc != nil {
		by = *sc
	}
	op.Block(since, core.Edge{Reason: string(semconv.ReasonWriteLock)})
	op.Wake(f.at, core.Edge{Reason: string(semconv.WakeUnlocked), By: by}, nil)
}
