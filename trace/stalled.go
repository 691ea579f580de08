package trace

import (
	"context"
	"time"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/internal/live"
	"github.com/wakechain/wakechain/trace/semconv"
)

// A block is a span when it is over. Of one that lasts long, package live tells
// meanwhile, by a short span `stalled`.

func init() {
	live.Hold = func(task, op any, since time.Time) bool {
		o, _ := op.(*Op)
		if t, ok := task.(*Task); ok {
			return t.hold(o, since)
		}
		return o.hold(since)
	}
	live.Tell = func(op any, s *live.Stall) bool {
		o, _ := op.(*Op)
		return o.tell(s)
	}
}

// hold keeps the memory of an operation from being used for another one, and
// reports whether it is in a block that began at since.
func (t *Task) hold(o *Op, since time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, w := range t.waits {
		if w.op == o && w.since.Equal(since) {
			o.held = true // before the wait is taken back, and so before Release looks
			return true
		}
	}
	return false
}

// hold is Task.hold for an operation of no task, which is in use meanwhile.
func (o *Op) hold(since time.Time) bool {
	if o == nil || !o.mu.TryLock() {
		return false
	}
	defer o.mu.Unlock()
	if !o.blockedSince(since) {
		return false
	}
	o.held = true
	return true
}

func (o *Op) blockedSince(since time.Time) bool {
	return o.state == opBlocked && o.start.Add(o.block.at).Equal(since)
}

// tell makes the span `stalled` of the block in progress, unless that is over. It is
// a child of a span that has ended, since the operation's is not exported yet, and
// links to that one. The block then becomes a span, however many there are, and links
// to the last that told of it.
func (o *Op) tell(s *live.Stall) bool {
	attrs := append(s.Attributes[:len(s.Attributes):len(s.Attributes)],
		semconv.StalledOperationKey.String(o.name), semconv.StalledAgeKey.Float64(s.At.Sub(s.Since).Seconds()))
	if s.Suppressed > 0 {
		attrs = append(attrs, semconv.SpansSuppressedKey.Int(s.Suppressed))
	}
	span := o.beginStalled(s)
	if span != nil {
		finish(span, after(s.At), "", nil, attrs)
	}
	return span != nil
}

// beginStalled begins the span while the block can not end: it links to no other.
func (o *Op) beginStalled(s *live.Stall) oteltrace.Span {
	o.mu.Lock()
	defer o.mu.Unlock()
	if l := o.later; !o.blockedSince(s.Since) || l != nil && l.Show == ShowNone || !o.reveal() {
		return nil
	}
	links := []oteltrace.Link{{SpanContext: o.SpanContext()}}
	if o.stalled.IsValid() {
		links = append(links, oteltrace.Link{SpanContext: o.stalled})
	}
	ctx := oteltrace.ContextWithSpanContext(context.Background(), s.Below)
	_, span := o.tracer.Span(ctx, semconv.SpanStalled, s.At, oteltrace.WithLinks(links...))
	if span != nil {
		o.told.Store(true)
		o.stalled = span.SpanContext()
	}
	return span
}
