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

// With [MessagesAuto] the first messages of a direction each have their span, and from
// then on those that come to nothing are told together: a run of them is one span,
// writes or reads.
const (
	runAfter    = 16          // messages of a direction that each have their span
	runTime     = time.Second // that a run goes on
	runMessages = 1000        // of a run
	runLinks    = 8           // of a run of reads, to the peer's spans
)

// run is messages that are told as one span.
type run struct {
	span   oteltrace.Span
	budget *core.Budget
	above  oteltrace.SpanID
	reads  bool
	start  time.Time
	opened time.Time
	inside trace.Op // a write under way that the peer was told is in the run
	late   bool     // it was, when the run was to end
	named  int      // writes that the peer was told so of

	count              int
	first, last, bytes int64
	frames, wire       int64
	unseen             bool // the frames of some are not known
	typ                frame.Opcode
	mixed              bool // they are of several types
	blocks             int
	blocked            time.Duration
	idle, busy         time.Duration
	longest            time.Duration
	end                time.Time
	links              [runLinks]oteltrace.SpanContext
	linked             int
}

// newRun begins the span of a run whose first message is that of op; nil: it is not
// recorded.
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

// runOver ends a run that has gone on for long enough. If a write is under way it ends
// with that, but does not wait for one that takes as long again.
func (s *Session) runOver(d *runs) {
	s.mu.Lock()
	r := d.open
	switch {
	case r == nil || time.Since(r.opened) < runTime: // it was meant for the run before
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

// leave links op, which is not in the run after all, to it: the peer was told that it
// is. Of a run that has no message it has the span. r may be nil.
func (r *run) leave(op trace.Op) {
	if r != nil && r.count > 0 && op.Valid() && r.inside == op {
		op.Link(r.span.SpanContext())
	}
}

// add adds the message m, of size bytes, which f was the operation of.
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
	if r.count == 1 { // what it waited for was before the run
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

// full reports whether the run is to end with what it has.
func (r *run) full() bool {
	return r.late || r.count >= runMessages || r.end.Sub(r.start) >= runTime
}

// finishRun ends the span of a run; nil: there is none. That of a run without a message
// is the span of the one that it was begun for.
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

// attributes are those that a run has and a message has not.
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
