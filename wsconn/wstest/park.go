package wstest

import (
	"time"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace/netpoll"
	"github.com/wakechain/wakechain/trace/semconv"
)

// park is the wait of one call, and its report.
type park struct {
	link   *link
	call   netpoll.Call
	reason semconv.Reason
	parked bool // reported
	since  time.Time
}

// begin reports that the call is about to park, unless it is reported already or not
// observed. If so, it releases the lock meanwhile, and returns true.
func (w *park) begin(now time.Time) bool {
	if w.parked || !w.call.Observed() {
		return false
	}
	w.parked, w.since = true, now
	w.link.mu.Unlock()
	defer w.link.mu.Lock()
	w.call.Park(netpoll.Park{At: now, Reason: w.reason, Source: semconv.SourceMemory})
	return true
}

// end reports that the call runs again, if begin reported a park. It releases the lock
// meanwhile.
func (w *park) end(now time.Time, reason semconv.WakeReason, by oteltrace.SpanContext, known netpoll.Attributes) {
	if !w.parked {
		return
	}
	w.parked = false
	w.link.mu.Unlock()
	defer w.link.mu.Lock()
	wake := netpoll.Wake{At: now, Reason: reason, Blocked: now.Sub(w.since), By: by}
	if known != nil {
		wake.Evidence = known
	}
	w.call.Wake(wake)
}
