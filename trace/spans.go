package trace

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/internal/live"
	core "github.com/wakechain/wakechain/internal/op"
	"github.com/wakechain/wakechain/trace/internal/annotate"
	"github.com/wakechain/wakechain/trace/semconv"
)

// spans is the sink that makes spans of operations. It alone decides which edges become
// spans, with which attributes, links and status. The API or package lean makes them.
type spans struct{ *Tracer }

var _ core.Describer = spans{}

// shown is the sink's state of a record. It stays with the record's memory.
type shown struct {
	span    core.Span // nil: none, or not yet
	refused bool      // by the sampler

	waking     bool                  // wake is in progress
	woken      bool                  // the latest wake is wake, and WokenBy was not called since
	wake       core.Edge             // if waking
	links      []oteltrace.Link      // of an operation without a span yet
	attrs      []attribute.KeyValue  // likewise
	suppressed int                   // spans
	stalled    bool                  // the block in progress has a span `stalled`
	by         oteltrace.SpanContext // the last of these; invalid: none

	api    apiSpan
	start  core.SpanStart
	part   core.Part
	finish core.Finish
	more   [4]attribute.KeyValue
}

func of(r *core.Record) *shown { return r.State.(*shown) }

// prepare makes the state of a record that begins.
func (s spans) prepare(r *core.Record) {
	if r.State == nil {
		r.State = new(shown)
	}
}

// begin begins the operation's span, and reports whether it is recorded.
func (s spans) begin(r *core.Record) bool {
	x := of(r)
	if x.span != nil || x.refused {
		return x.span != nil
	}
	if span := r.Adopted(); span != nil {
		s.adopt(r, x, span)
		return true
	}
	attrs, links := r.Attrs, r.Links
	if len(x.attrs) > 0 {
		attrs = append(attrs[:len(attrs):len(attrs)], x.attrs...)
	}
	if len(x.links) > 0 {
		links = append(links[:len(links):len(links)], x.links...)
	}
	ctx := core.Below(r.Context, r.Start)
	if !s.beginByMaker(ctx, r, x, attrs, links) {
		s.beginByAPI(ctx, r, x, attrs, links)
	}
	if x.refused = x.span == nil; !x.refused {
		r.Budget.Spend(1)
	}
	return !x.refused
}

// adopt sets a span that has already begun for the operation.
func (s spans) adopt(r *core.Record, x *shown, span oteltrace.Span) {
	span.SetName(r.Name)
	if len(x.attrs) > 0 {
		span.SetAttributes(x.attrs...)
	}
	for _, l := range x.links {
		span.AddLink(l)
	}
	x.setSpan(s.Tracer, span)
	r.SetSpan(x.span, oteltrace.ContextWithSpan(r.Context, span))
}

func (s spans) beginByMaker(ctx context.Context, r *core.Record, x *shown, attrs []attribute.KeyValue, links []oteltrace.Link) bool {
	m := s.maker()
	if m == nil || r.Root.IsValid() {
		return false
	}
	n, waits := size(r.Name)
	x.start = core.SpanStart{Name: r.Name, At: r.Start, Attrs: attrs, Links: links, Size: max(n, len(attrs)), Waits: waits}
	span, ok := m.Begin(ctx, &x.start)
	x.start.Attrs, x.start.Links = nil, nil
	if !ok {
		return false
	}
	if x.span, ok = span.(core.Span); ok {
		r.SetSpan(x.span, nil)
	} else {
		r.SetSpan(nil, oteltrace.ContextWithSpan(r.Context, span))
	}
	return true
}

// size returns how many attributes most operations of a name end with, and whether they
// wait. One with more needs another allocation.
func size(name string) (attrs int, waits bool) {
	switch name {
	case semconv.SpanRead:
		return 0, true // besides its facts
	case semconv.SpanWrite:
		return 0, false
	default: // the total of its blocks
		return 2, true
	}
}

// Wants returns the shortest block that becomes a span. A block of a second may have a span
// `stalled` while it is in progress, and then becomes a span, too.
func (s spans) Wants(show core.Show, shown bool) time.Duration {
	if show > core.ShowBlocked && !shown {
		return -1
	}
	return min(s.minBlock, time.Second)
}

// Wake makes the spans of the wake before the block and of the block, unless the block is
// too short or its spans are suppressed: then it counts as running.
func (s spans) Wake(r *core.Record, block, wake *core.Edge) {
	x := of(r)
	x.woken = false
	defer s.explain(r, x, block)
	n := 2
	if wake.Reason == "" { // the operation ended in the block
		n = 1
	}
	switch {
	case x.stalled:
		r.Budget.Spend(n)
	case wake.At-block.At < s.minBlock || !s.admit(r, x, block.Show, n):
		return
	}
	s.endWake(r, x, block.At)
	x.part = core.Part{PartKind: blockKind(block), Reason: block.Reason, Attrs: block.Attrs, Link: &x.by, At: block.At, Took: wake.At - block.At}
	x.span.Child(r, &x.part)
	x.stalled, x.by = false, oteltrace.SpanContext{}
	if wake.Reason != "" {
		x.waking, x.woken, x.wake = true, true, *wake
	}
}

// explain reports the cause of a completed block, and the operation's span, to the
// operation's goroutine; nil: only the span.
func (s spans) explain(r *core.Record, x *shown, block *core.Edge) {
	o, ok := r.Owner.(*owner)
	if !ok || x.span == nil {
		return
	}
	cause, since := semconv.Cause(""), time.Time{}
	if block != nil {
		cause, since = causeOf(block), r.Start.Add(block.At)
	}
	(*Task)(o).explain(r.Ref(), since, cause, x.span.SpanContext())
}

// causeOf returns the cause of a completed block; "": there is no evidence.
func causeOf(block *core.Edge) semconv.Cause {
	for i := range block.Attrs {
		if a := &block.Attrs[i]; a.Key == semconv.BlockCauseKey {
			return semconv.Cause(a.Value.AsString())
		}
	}
	return ""
}

// partKinds are the kinds of parts by span name.
var partKinds = func() map[string]*core.PartKind {
	kinds := make(map[string]*core.PartKind)
	for _, name := range semconv.BlockNames() {
		kinds[name] = &core.PartKind{Name: name, Key: semconv.BlockReasonKey}
	}
	for _, name := range semconv.WakeNames() {
		kinds[name] = &core.PartKind{Name: name, Key: semconv.WakeReasonKey}
	}
	return kinds
}()

// blockKind returns the kind of a completed block.
func blockKind(block *core.Edge) *core.PartKind {
	return partKinds[semconv.BlockName(semconv.Reason(block.Reason), causeOf(block))]
}

// endWake makes the span of the wake in progress, if there is one.
func (s spans) endWake(r *core.Record, x *shown, end time.Duration) {
	if !x.waking {
		return
	}
	x.waking = false
	w := &x.wake
	x.part = core.Part{PartKind: partKinds[semconv.WakeName(semconv.WakeReason(w.Reason))], Reason: w.Reason, Link: &w.By, At: w.At, Took: end - w.At}
	if w.Cause != "" {
		x.part.Attrs = []attribute.KeyValue{semconv.WakeCauseKey.String(w.Cause)}
	}
	x.span.Child(r, &x.part)
}

// admit reports whether a block and its wake, if it has one, become spans: n in all. It
// counts them if they are suppressed.
func (s spans) admit(r *core.Record, x *shown, show core.Show, n int) bool {
	if x.span == nil && !x.refused && show > core.ShowBlocked {
		x.suppressed += n
		return false
	}
	if !s.begin(r) {
		return false
	}
	if !r.Budget.Take(int64(n)) {
		x.suppressed += n
		return false
	}
	return true
}

// WokenBy gives the wake in progress its link.
func (s spans) WokenBy(r *core.Record, by oteltrace.SpanContext) {
	if x := of(r); x.woken {
		x.woken = false
		if !x.wake.By.IsValid() {
			x.wake.By = by
		}
	}
}

// Link links the operation's span.
func (s spans) Link(r *core.Record, to oteltrace.SpanContext) {
	link := oteltrace.Link{SpanContext: to}
	switch x := of(r); {
	case x.span != nil:
		x.span.AddLink(link)
	case !x.refused:
		x.links = append(x.links, link)
	}
}

// SetAttributes adds attributes to the operation's span.
func (s spans) SetAttributes(r *core.Record, attrs []attribute.KeyValue) {
	switch x := of(r); {
	case x.span != nil:
		x.span.SetAttributes(attrs...)
	case !x.refused:
		x.attrs = append(x.attrs, attrs...)
	}
}

// End ends the operation's span, with the totals of its blocks.
func (s spans) End(r *core.Record, e *core.End) {
	x := of(r)
	if x.span == nil && !x.refused {
		if show := r.Show(); show == core.ShowAll || e.ErrorType != "" && show <= core.ShowFailed {
			s.begin(r)
		} else {
			x.suppressed++
		}
	}
	x.suppressed += e.Suppressed
	r.Budget.Suppress(x.suppressed)
	s.suppress(x.suppressed)
	if x.span != nil {
		if e.Blocks > 0 {
			s.explain(r, x, nil)
		}
		if o, ok := r.Owner.(*owner); ok && e.ErrorType != "" && e.Err != nil {
			(*Task)(o).failed(failure{x.span.SpanContext(), e.Err})
		}
		s.endWake(r, x, e.At)
		s.finish(r, x, e)
	}
	x.clear()
}

// clear resets the state for the next record.
func (x *shown) clear() {
	x.span, x.refused = nil, false
	x.waking, x.woken, x.wake.Later, x.wake.Attrs = false, false, nil, nil
	x.links, x.attrs, x.suppressed = nil, nil, 0
	x.stalled, x.by = false, oteltrace.SpanContext{}
	x.part.Attrs, x.part.Link = nil, nil
	clear(x.finish.More)
	x.finish.Attrs, x.finish.Facts.Of, x.finish.More = nil, nil, nil
	x.api.clear()
}

func (s spans) finish(r *core.Record, x *shown, e *core.End) {
	f := &x.finish
	*f = core.Finish{At: e.At, Now: e.Blocks == 0 && e.Time.IsZero(), Failed: e.ErrorType != "", Attrs: e.Attrs, Facts: e.Facts}
	f.Facts.Blocked = -1
	more := x.more[:0]
	switch {
	case e.Blocks == 0:
	case f.Facts.Of != nil:
		f.Facts.Blocked = e.Blocked.Seconds()
	default:
		more = append(more, semconv.BlockDurationKey.Float64(e.Blocked.Seconds()))
	}
	if e.Blocks > 1 {
		more = append(more, semconv.BlockCountKey.Int(e.Blocks))
	}
	if n := r.Budget.Suppressed(); n > 0 {
		more = append(more, semconv.SpansSuppressedKey.Int64(n))
	}
	if f.Failed {
		more = append(more, semconv.ErrorTypeKey.String(e.ErrorType))
		f.Why = description(e.Err)
	}
	f.More = more
	if annotate.On() {
		annotate.End(x.span.SpanContext())
	}
	x.span.Finish(r, f)
}

// recordStall makes the span `stalled` of the block in progress. It links to the operation,
// whose span is not exported yet. Its parent is a span that has ended or, if there is none,
// the operation's. The block itself will be a span regardless of the budget, and links to
// its last `stalled`.
func (s spans) recordStall(r *core.Record, stall *live.Stall) bool {
	x := of(r)
	if r.Show() == core.ShowNone || !s.begin(r) {
		return false
	}
	links := []oteltrace.Link{{SpanContext: x.span.SpanContext()}}
	if x.by.IsValid() {
		links = append(links, oteltrace.Link{SpanContext: x.by})
	}
	ctx := r.Below()
	if stall.Below.IsValid() {
		ctx = oteltrace.ContextWithSpanContext(context.Background(), stall.Below)
	}
	_, span := s.span(ctx, semconv.SpanStalled, stall.At, oteltrace.WithLinks(links...))
	if span == nil {
		return false
	}
	x.stalled, x.by = true, span.SpanContext()
	attrs := append(stall.Attributes[:len(stall.Attributes):len(stall.Attributes)],
		semconv.StalledOperationKey.String(r.Name), semconv.StalledAgeKey.Float64(stall.At.Sub(stall.Since).Seconds()))
	if stall.Suppressed > 0 {
		attrs = append(attrs, semconv.SpansSuppressedKey.Int(stall.Suppressed))
	}
	finish(span, after(stall.At), "", nil, attrs)
	return true
}
