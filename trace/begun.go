package trace

import (
	"context"
	"reflect"
	rtrace "runtime/trace"
	"slices"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace/internal/emit"
)

// begun is the span of an operation and how it and those below it are made: whole,
// where the provider takes them so, or else by OpenTelemetry's API.
type begun struct {
	ctx  context.Context // carries the span
	span oteltrace.Span  // nil: none

	whole emit.Tracer // nil: by the API
	data  *emit.Span  // of span
	self  carrier     // is ctx, where the span was begun whole
}

// spare is what calls of the API take and would else be allocated for each.
type spare struct {
	edge  oteltrace.SpanEventOption // the last edge: what ends there and what begins
	start [2]oteltrace.SpanStartOption
	end   [1]oteltrace.SpanEndOption
	attrs [2]attribute.KeyValue
}

// carrier is a context that carries a span.
type carrier struct {
	context.Context
	span oteltrace.Span
}

func (c *carrier) Value(key any) any {
	if key == spanKey {
		return c.span
	}
	return c.Context.Value(key)
}

// spanKey is the key of the span in a context. The API does not export it, but
// asks with it.
var spanKey = func() any {
	var a asked
	oteltrace.SpanFromContext(&a)
	return a.key
}()

type asked struct {
	context.Context
	key any
}

func (a *asked) Value(key any) any {
	a.key = key
	return nil
}

// begin begins the span, at start or, if that is zero, now, and returns when. Where
// it is not recorded b has no span, but the context for what is below.
func (b *begun) begin(ctx context.Context, t *Tracer, name string, start time.Time, as *OpConfig, attrs []attribute.KeyValue) time.Time {
	switch {
	// By the API a context comes back that carries the task of runtime/trace.
	case t.whole() != nil && !as.Root.IsValid() && !rtrace.IsEnabled():
		start = b.beginWhole(ctx, t.whole(), name, start, as, attrs)
	case as.Root.IsValid():
		if start.IsZero() {
			start = time.Now()
		}
		b.ctx, b.span = t.Root(ctx, as.Root, name, start, options(as, attrs)...)
	default:
		start = b.beginAPI(ctx, t, name, start, options(as, attrs))
	}
	if b.span != nil {
		as.Share.Spend(1)
		if s, ok := b.span.(interface {
			Emit() (emit.Tracer, *emit.Span)
		}); ok {
			b.whole, b.data = s.Emit()
			t.found(b.whole)
		}
	}
	return start
}

// whole is the tracer that takes spans whole, nil where there is none.
func (t *Tracer) whole() emit.Tracer {
	if w, ok := t.tracer.(emit.Tracer); ok {
		return w
	}
	if w := t.behind.Load(); w != nil {
		return *w
	}
	return nil
}

// found notes a tracer that stands behind the global provider's, which hands on
// to the first provider that the program sets and does nothing else.
func (t *Tracer) found(w emit.Tracer) {
	if t.behind.Load() == nil && reflect.TypeOf(t.tracer) == delegating {
		behind := w // to the heap here, and not at each call
		t.behind.Store(&behind)
	}
}

var delegating = reflect.TypeOf(otel.GetTracerProvider().Tracer(ScopeName))

func (b *begun) beginWhole(ctx context.Context, w emit.Tracer, name string, start time.Time, as *OpConfig, attrs []attribute.KeyValue) time.Time {
	if start.IsZero() {
		start = time.Now()
	}
	d := w.New(name, start, max(room(name), len(attrs)))
	d.Add(attrs...)
	for _, l := range as.Links {
		d.AddLink(l)
	}
	if w.Begin(ctx, d) {
		b.span = d.API
	}
	b.self = carrier{ctx, d.API}
	b.ctx = &b.self
	return start
}

// beginAPI leaves it to the provider to read the clock.
func (b *begun) beginAPI(ctx context.Context, t *Tracer, name string, start time.Time, opts []oteltrace.SpanStartOption) time.Time {
	if !start.IsZero() {
		opts = append(opts, oteltrace.WithTimestamp(start))
	}
	child, span := t.tracer.Start(ctx, name, opts...)
	b.ctx = child
	switch {
	case span.IsRecording():
		b.span = span
	case !span.SpanContext().IsValid():
		b.ctx = ctx // nothing to say to what is below
	}
	if s, ok := span.(interface{ StartTime() time.Time }); ok && start.IsZero() {
		return s.StartTime()
	}
	if start.IsZero() {
		return time.Now()
	}
	return start
}

// options are a copy of attrs, so that the caller's need no memory where they are
// skipped, and the links.
func options(as *OpConfig, attrs []attribute.KeyValue) (opts []oteltrace.SpanStartOption) {
	if len(attrs) > 0 {
		opts = append(opts, oteltrace.WithAttributes(slices.Clone(attrs)...))
	}
	if len(as.Links) > 0 {
		opts = append(opts, oteltrace.WithLinks(as.Links...))
	}
	return opts
}

// room is how many attributes most operations of a name end with. One that ends
// with more needs an allocation more.
func room(name string) int {
	switch name {
	case SpanRead:
		return 9
	case SpanWrite:
		return 7
	default: // the totals of its blocks
		return 2
	}
}

// set sets attributes, which need not be on the heap.
func (b *begun) set(attrs ...attribute.KeyValue) {
	if b.data != nil {
		b.data.Set(attrs...)
		return
	}
	b.span.SetAttributes(slices.Clone(attrs)...)
}

// emitWake makes the span of the wake in progress, if there is one.
func (o *Op) emitWake(end time.Duration) {
	if o.waking {
		o.emit(SpanWake, WakeReasonKey, &o.wake, end, o.waker)
	}
}

// emit makes the span of a block or a wake that is over. Its attributes are not
// among the options of its start: there the API copies them once more.
func (o *Op) emit(name string, key attribute.Key, e *edge, end time.Duration, link *oteltrace.SpanContext) {
	b := o.current()
	if b.whole != nil {
		d := b.whole.New(name, o.start.Add(e.at), len(e.attrs)+1)
		d.Add(e.attrs...)
		d.Add(key.String(e.reason))
		if link != nil {
			d.AddLink(oteltrace.Link{SpanContext: *link})
		}
		if b.whole.Begin(b.ctx, d) {
			b.whole.End(d, o.start.Add(end))
		}
		return
	}
	if o.spare == nil { // else the last one ended here
		o.spare = &spare{edge: oteltrace.WithTimestamp(o.start.Add(e.at))}
	}
	a := o.spare
	opts := append(a.start[:0], a.edge)
	if link != nil {
		opts = append(opts, oteltrace.WithLinks(oteltrace.Link{SpanContext: *link}))
	}
	_, span := o.tracer.tracer.Start(b.ctx, name, opts...)
	if span.IsRecording() {
		attrs := e.attrs
		if len(attrs) < len(a.attrs) {
			attrs = append(a.attrs[:0], attrs...)
		}
		span.SetAttributes(append(attrs, key.String(e.reason))...)
	}
	a.edge = oteltrace.WithTimestamp(o.start.Add(end))
	a.end[0] = a.edge
	span.End(a.end[:]...)
}

// finish ends the operation's span, with the totals of its blocks.
func (o *Op) finish(end time.Duration, errorType string, attrs []attribute.KeyValue) {
	var totals [4]attribute.KeyValue
	more := totals[:0]
	if o.blocks > 0 {
		more = append(more, BlockCountKey.Int(o.blocks), BlockDurationKey.Float64(o.blocked.Seconds()))
	}
	if n := o.share.Suppressed(); n > 0 {
		more = append(more, SpansSuppressedKey.Int64(n))
	}
	if errorType != "" {
		more = append(more, ErrorTypeKey.String(errorType))
	}
	b := o.current()
	if b.whole != nil {
		b.data.Finish(errorType != "", attrs, more)
		b.whole.End(b.data, o.start.Add(end))
		return
	}
	if errorType != "" {
		b.span.SetStatus(codes.Error, "")
	}
	if all := slices.Concat(attrs, more); len(all) > 0 {
		b.span.SetAttributes(all...)
	}
	switch {
	case o.spare != nil:
		b.span.End(o.spare.end[:]...) // where its last block or wake did
	case o.blocks > 0:
		b.span.End(oteltrace.WithTimestamp(o.start.Add(end)))
	default:
		b.span.End() // now
	}
}
