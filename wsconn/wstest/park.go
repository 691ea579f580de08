package wstest

import (
	"time"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/semconv"
)

// park is the wait of one call, as it is reported.
type park struct {
	link   *link
	op     trace.Op
	reason semconv.Reason
	parked bool // reported
	since  time.Time
}

var sourceMemory = trace.Evidence(semconv.BlockSourceKey.String(string(semconv.SourceMemory)))

// begin reports that the call is about to park, unless it has been or nobody
// observes. It releases the lock for it, and returns true if so.
func (w *park) begin(now time.Time) bool {
	if w.parked || !w.op.Valid() {
		return false
	}
	w.parked, w.since = true, now
	w.link.mu.Unlock()
	defer w.link.mu.Lock()
	w.op.Block(w.reason, trace.At(now), sourceMemory)
	return true
}

// end reports that the call runs again, if begin reported that it parks, and
// releases the lock for it.
func (w *park) end(now time.Time, reason semconv.WakeReason, by oteltrace.SpanContext, known ...trace.Detail) {
	if !w.parked {
		return
	}
	w.parked = false
	w.link.mu.Unlock()
	defer w.link.mu.Lock()
	w.op.Wake(reason, append(known, trace.At(now), trace.CausedBy(by))...)
}
