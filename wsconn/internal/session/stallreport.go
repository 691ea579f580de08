package session

import (
	"context"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/wakechain/wakechain/internal/live"
	core "github.com/wakechain/wakechain/internal/op"
	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/semconv"
)

// settle reports the ended operations of a direction. If a call of the program has left
// the library, name is its operation, ctx its context and err its error.
func (st *stalls) settle(direction int, ctx context.Context, name string, err error) {
	var last *stalled // the oldest first
	for r := st.pending[direction].Swap(nil); r != nil; {
		r, r.next, last = r.next, last, r
	}
	for r := last; r != nil; {
		next := r.next
		r.next = nil
		switch {
		case r.peer.IsValid():
			st.reportToPeer(r)
		case r.err != nil && err != nil:
			st.reportEnded(r, ctx, err)
			err = nil // it is reported with r
		default:
			st.reportEnded(r, ctx, r.err)
		}
		r = next
	}
	if err == nil {
		return
	}
	if typ, why := st.errorOf(ctx, err); st.claimFailure(typ) {
		now := time.Now()
		st.reportOperation(name, stallFailed, now, now, typ, why)
	}
}

// reportEnded reports an operation that has ended with err.
func (st *stalls) reportEnded(r *stalled, ctx context.Context, err error) {
	typ, why := st.errorOf(ctx, err)
	r.errorType, r.why = typ, why
	r.mu.Lock()
	r.ended = true
	busy := r.report == reporting // reportBlocked completes the report
	r.mu.Unlock()
	if !busy {
		st.complete(r)
	}
}

// complete reports the rest of an ended operation.
func (st *stalls) complete(r *stalled) {
	defer r.free()
	failed := st.claimFailure(r.errorType)
	switch {
	case r.report != unreported:
	case r.total >= st.after, r.waited() >= st.after:
		st.beginReport(r, r.cause())
	case failed:
		st.beginReport(r, stallFailed)
	}
	if !r.allowed {
		return
	}
	r.freed.name(r.op)
	r.replay()
	attrs := r.messageAttributes()
	if cause := r.cause(); r.reportedCause != stallFailed && r.reportedCause != cause { // the block was reported while in progress
		attrs = append(attrs, semconv.StallCauseKey.String(cause))
	}
	attrs = r.c.appendHistory(attrs, r.start)
	if r.dropped > 0 {
		attrs = append(attrs, semconv.SpansSuppressedKey.Int(2*r.dropped))
	}
	sc := r.op.SpanContext()
	r.op.End(&core.End{Time: r.end, ErrorType: r.errorType, Err: r.why, Attrs: attrs})
	if sc.IsSampled() && r.c.send && !r.c.closed.Load() {
		r.c.flag.Store(&sc)
	}
}

// cause returns the cause of the longest block, or of the wait for another write.
func (r *stalled) cause() string {
	if !r.writes {
		return stallRead
	}
	var longest *stallBlock
	for i := range r.blocks {
		if b := &r.blocks[i]; longest == nil || b.to.Sub(b.from) > longest.to.Sub(longest.from) {
			longest = b
		}
	}
	if wait := r.waited(); wait > 0 && (longest == nil || wait > longest.to.Sub(longest.from)) {
		return stallWriteLock
	}
	if longest != nil {
		for _, a := range longest.attrs {
			if a.Key == semconv.BlockCauseKey {
				return a.Value.AsString()
			}
		}
	}
	return string(semconv.CauseUnknown)
}

// beginReport begins the operation, unless there are too many reports.
func (st *stalls) beginReport(r *stalled, cause string) {
	attrs, ok := st.allow(cause)
	if r.allowed = ok; !ok {
		return
	}
	r.reportedCause = cause
	r.start = r.end
	if r.start.IsZero() {
		r.start = time.Now()
	}
	r.mu.Lock()
	if len(r.blocks) > 0 {
		r.start = r.blocks[0].from
	} else if !r.parked.IsZero() {
		r.start = r.parked
	}
	r.mu.Unlock()
	if r.waitFor != nil {
		r.start = r.waitSince
	}
	r.start = r.start.Add(-core.Tick(r.start)) // edges are later than the start
	name := semconv.SpanRead
	if r.writes {
		name = r.message.operation()
	}
	r.op = st.start(name, r.start, attrs)
}

// operation returns the name of the write of a message or a control frame.
func (p passage) operation() string {
	switch p.kind.String() {
	case semconv.SpanPing:
		return semconv.SpanPing
	case semconv.SpanPong:
		return semconv.SpanPong
	default:
		return semconv.SpanWrite
	}
}

// start begins an operation at the root of a trace.
func (st *stalls) start(name string, at time.Time, attrs []attribute.KeyValue) core.Ref {
	return core.Of(st.reporter()).Start(core.Config{
		Name: name, Context: core.MarkStall(context.Background()), At: at, Late: true,
		Attrs: st.appendConnection(attrs), Links: handshakeLink(st.s),
	}, false)
}

// reporter returns the tracer of the reports.
func (st *stalls) reporter() *trace.Tracer { return st.stallWatch.reporter(st.s.tracer) }

func (w *stallWatch) reporter(t *trace.Tracer) *trace.Tracer {
	if w.tracer != nil {
		return w.tracer
	}
	return t.With(unmetered, trace.WithMinBlock(0))
}

// replay records on the operation the completed blocks that it does not have yet.
func (r *stalled) replay() {
	r.mu.Lock()
	blocks := slices.Clone(r.blocks[r.replayed:])
	for i := range blocks {
		blocks[i].attrs = slices.Clone(blocks[i].attrs)
	}
	r.replayed += len(blocks)
	r.mu.Unlock()
	if r.waitFor != nil && !r.waitReplayed {
		r.waitReplayed = true
		r.waitFor.replay(r.op, r.waitSince)
	}
	for _, b := range blocks {
		r.op.Block(b.from, core.Edge{Reason: r.reason(), Attrs: sourceOf(b.source)})
		r.op.Wake(b.to, core.Edge{Reason: string(b.wake), By: b.by}, b.attrs)
	}
}

// reason returns the reason of the operation's blocks.
func (r *stalled) reason() string {
	if r.writes {
		return string(semconv.ReasonNetWrite)
	}
	return string(semconv.ReasonNetRead)
}

// reportBlocked reports an operation that has been blocked for long, while it still is.
func (r *stalled) reportBlocked(now time.Time) {
	st := r.c.st
	since := r.parkedAt()
	var report live.Report
	var k *live.Socket
	cause := stallRead
	if r.writes {
		cause = string(semconv.CauseUnknown)
		if k = r.c.conn.ParkedWrite(&report); k != nil && k.Known {
			cause = k.Cause
		}
	}
	if st.beginReport(r, cause); r.allowed {
		r.replay()
		r.mu.Lock()
		still := !since.IsZero() && r.parked.Equal(since)
		source := r.source
		r.mu.Unlock()
		if still {
			reason := r.reason()
			r.op.Block(since, core.Edge{Reason: reason, Attrs: sourceOf(source)})
			attrs := append(make([]attribute.KeyValue, 0, 24), semconv.BlockReasonKey.String(reason), semconv.StallCauseKey.String(cause))
			attrs = append(st.appendConnection(attrs), sourceOf(source)...)
			if k != nil && k.Since.Equal(since) {
				attrs = k.AppendTo(attrs)
			}
			attrs = r.c.appendHistory(attrs, since)
			live.RecordStall(r.op, &live.Stall{Since: since, At: now, Attributes: attrs})
		}
	}
	r.mu.Lock()
	r.report = reported
	over := r.ended
	r.mu.Unlock()
	if over {
		st.complete(r)
	}
}

// reportOperation reports an operation whose blocks are not known.
func (st *stalls) reportOperation(name, cause string, start, end time.Time, errorType string, err error) {
	attrs, ok := st.allow(cause)
	if !ok {
		return
	}
	switch name {
	case semconv.SpanRead:
		attrs = append(attrs, receive)
	case semconv.SpanWrite:
		attrs = append(attrs, transmit)
	}
	op := st.start(name, start, attrs)
	op.End(&core.End{Time: end, ErrorType: errorType, Err: err, Attrs: st.conn.appendHistory(nil, start)})
}
