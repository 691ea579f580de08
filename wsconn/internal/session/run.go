package session

import (
	"time"

	"go.opentelemetry.io/otel/attribute"

	oteltrace "go.opentelemetry.io/otel/trace"

	core "github.com/wakechain/wakechain/internal/op"
	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/wsconn/internal/frame"
)

// With [MessagesAuto] the first messages of a direction have spans of their own. From
// then on, messages that neither stall nor fail are folded: a run of them is one span,
// writes or reads.
const (
	runAfter    = 16          // messages of a direction that have spans of their own
	runTime     = time.Second // maximum duration of a run
	runMessages = 1000        // maximum messages of a run
	runLinks    = 8           // maximum links of a run of reads
)

// run is messages that share one span.
type run struct {
	span   oteltrace.Span
	budget *core.Budget
	above  oteltrace.SpanID
	reads  bool
	start  time.Time
	opened time.Time
	inside trace.Op // the current write, whose trace pong names the run
	late   bool     // the run is over its time, and ends with that write
	named  int      // writes whose trace pong names the run

	count              int
	first, last, bytes int64
	frames, wire       int64
	unseen             bool // the frames of some were not seen
	typ                frame.Opcode
	mixed              bool // there are several types
	blocks             int
	blocked            time.Duration
	idle, busy         time.Duration
	longest            time.Duration
	end                time.Time
	links              [runLinks]oteltrace.SpanContext
	linked             int
}

// newRun begins the span of a run whose first message is op's; nil: it is not recorded.
func (s *Session) newRun(op core.Ref, above oteltrace.SpanID, reads bool) *run {
	p, ok := op.Place()
	if !ok {
		return nil
	}
	name, start := semconv.SpanWrites, p.Start
	if reads {
		name, start = semconv.SpanReads, p.Began
	}
	_, span := core.Of(s.tracer).Span(p.Context, name, start, oteltrace.WithLinks(p.Links...))
	if span == nil {
		return nil
	}
	p.Budget.Spend(1)
	return &run{span: span, budget: p.Budget, above: above, reads: reads, start: start}
}

// openRun makes r the current run. The caller holds s.mu.
func (s *Session) openRun(d *runs, r *run) {
	d.open, r.opened = r, time.Now()
	if d.timer == nil {
		d.timer = time.AfterFunc(runTime, func() { s.runOver(d) })
	} else {
		d.timer.Reset(runTime)
	}
}

// runOver ends a run at its maximum duration. A write in progress may still join it,
// for at most as long again.
func (s *Session) runOver(d *runs) {
	s.mu.Lock()
	r := d.open
	switch {
	case r == nil || time.Since(r.opened) < runTime: // the timer of an earlier run
		s.mu.Unlock()
		return
	case r.inside.Valid() && !r.late:
		r.late = true
		d.timer.Reset(runTime)
		s.mu.Unlock()
		return
	}
	d.take()
	s.mu.Unlock()
	r.leave(r.inside)
	s.finishRun(r)
}

// leave links op to the run that its trace pong names, but which it did not join. A run
// without messages has given its span to op. r may be nil.
func (r *run) leave(op trace.Op) {
	if r != nil && r.count > 0 && op.Valid() && r.inside == op {
		op.Link(r.span.SpanContext())
	}
}

// add adds the message m of size bytes; f is its folded operation.
func (r *run) add(m *message, typ frame.Opcode, size int64, f *core.Folded) {
	r.inside = trace.Op{}
	if r.count++; r.count == 1 {
		r.typ, r.first = typ, int64(m.index)
	}
	r.mixed = r.mixed || typ != r.typ
	r.unseen = r.unseen || m.index == 0
	r.last = int64(m.index)
	r.bytes += size
	r.frames += int64(m.frames)
	r.wire += m.bytes
	r.blocks += f.Blocks
	r.blocked += f.Blocked
	if r.count == 1 { // its idle time was before the run
		r.blocks -= f.Idles
		r.blocked -= f.Idle
	} else {
		r.idle += f.Idle
	}
	took := f.Took - f.Idle
	r.busy += took
	r.longest = max(r.longest, took)
	r.end = f.End()
	if o := m.origin; o.IsValid() && r.linked < runLinks && (r.linked == 0 || r.links[r.linked-1].SpanID() != o.SpanID()) {
		r.links[r.linked] = o
		r.linked++
	}
}

// full reports whether the run must end now.
func (r *run) full() bool {
	return r.late || r.count >= runMessages || r.end.Sub(r.start) >= runTime
}

// finishRun ends the span of a run; r may be nil. The span of a run without messages
// belongs to the operation that it was begun for.
func (s *Session) finishRun(r *run) {
	if r == nil || r.count == 0 {
		return
	}
	for _, sc := range r.links[:r.linked] {
		r.span.AddLink(oteltrace.Link{SpanContext: sc})
	}
	d, name := transmit, semconv.SpanWrite
	if r.reads {
		d, name = receive, semconv.SpanRead
	}
	attrs := append(make([]attribute.KeyValue, 0, 16), d, s.id, semconv.WebSocketMessageSizeKey.Int64(r.bytes))
	if !r.mixed && r.typ != 0 {
		attrs = append(attrs, semconv.WebSocketMessageTypeKey.String(r.typ.String()))
	}
	if !r.unseen {
		attrs = append(attrs, semconv.WebSocketFrameCountKey.Int64(r.frames), semconv.WebSocketWireSizeKey.Int64(r.wire))
	}
	if r.count == 1 && r.named <= 1 {
		r.span.SetName(name)
		if !r.unseen {
			attrs = append(attrs, semconv.WebSocketMessageIndexKey.Int64(r.last))
		}
	} else {
		attrs = append(attrs, r.attributes()...)
	}
	if r.blocks > 0 {
		attrs = append(attrs, semconv.BlockDurationKey.Float64(r.blocked.Seconds()))
	}
	if r.blocks > 1 {
		attrs = append(attrs, semconv.BlockCountKey.Int(r.blocks))
	}
	if n := r.budget.Suppressed(); n > 0 {
		attrs = append(attrs, semconv.SpansSuppressedKey.Int64(n))
	}
	core.Of(s.tracer).FinishAt(r.span, r.end, attrs...)
}

// attributes returns the attributes of a run that a single message does not have.
func (r *run) attributes() []attribute.KeyValue {
	idle := r.idle
	if !r.reads {
		idle = max(r.end.Sub(r.start)-r.busy, 0)
	}
	attrs := []attribute.KeyValue{
		semconv.WebSocketRunMessagesKey.Int(r.count),
		semconv.WebSocketRunLongestKey.Float64(r.longest.Seconds()),
		semconv.WebSocketRunIdleKey.Float64(idle.Seconds()),
	}
	if !r.unseen {
		attrs = append(attrs, semconv.WebSocketRunFirstKey.Int64(r.first), semconv.WebSocketRunLastKey.Int64(r.last))
	}
	return attrs
}
