package trace

import (
	"context"
	"reflect"
	"slices"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace/internal/annotate"
	"github.com/wakechain/wakechain/trace/internal/emit"
	"github.com/wakechain/wakechain/trace/semconv"
)

// begun is the span of an operation and how it and those below it are made: whole,
// where the provider takes them so, or else by OpenTelemetry's API.
type begun struct {
	ctx    context.Context // carries the span, where it was begun by the API
	span   oteltrace.Span  // nil: none
	copies bool            // what it is given, as spans of the SDK do

	whole   emit.Tracer             // nil: by the API
	data    *emit.Span              // of span
	carried atomic.Pointer[carrier] // carries the span, where it was begun whole; made when it is asked for
	self    carrier                 // that, of an operation which is not in a room
}

// spare is what calls of the API take and would else be allocated for each.
type spare struct {
	edge  oteltrace.SpanEventOption // the last edge: what ends there and what begins; nil before the first block
	start [1]oteltrace.SpanStartOption
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
	if w := t.whole(); w != nil && !as.Root.IsValid() {
		if at, ok := b.beginWhole(ctx, w, name, start, as, attrs); ok {
			return at
		}
	}
	switch {
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
		b.copies = copies(b.span)
		if s, ok := b.span.(interface {
			Emit() (emit.Tracer, *emit.Span)
		}); ok {
			b.whole, b.data = s.Emit()
			t.found(b.whole)
		}
	}
	return start
}

// annotate notes in the execution trace, while one is taken, that the span has begun
// on this goroutine. One that is begun later may be so by another.
func (b *begun) annotate() {
	if annotate.On() && b.span != nil {
		annotate.Begin(b.span.SpanContext())
	}
}

// whole is the tracer that takes spans whole, nil where there is none.
func (t *Tracer) whole() emit.Tracer {
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

// beginWhole reports false where the span would not hold all that it is given as it
// is: the sampler is to be asked first.
func (b *begun) beginWhole(ctx context.Context, w emit.Tracer, name string, start time.Time, as *OpConfig, attrs []attribute.KeyValue) (time.Time, bool) {
	if start.IsZero() {
		start = time.Now()
	}
	n, waits := size(name)
	d := w.New(name, start, max(n, len(attrs)), waits)
	d.Add(attrs...)
	for _, l := range as.Links {
		d.AddLink(l)
	}
	if d.Rest != nil || len(d.Attrs) < len(attrs) {
		return start, false
	}
	if w.Begin(ctx, d) {
		b.span, b.self = d.API, carrier{ctx, d.API}
		b.whole, b.data = w, d
		as.Share.Spend(1)
	} else {
		b.ctx = &carrier{ctx, d.API}
	}
	return start, true
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
	s, ok := span.(interface{ StartTime() time.Time })
	switch {
	case !start.IsZero():
		return start
	case ok:
		return s.StartTime()
	default:
		return time.Now()
	}
}

// copies reports whether a span copies what it is given: one of the SDK itself does,
// and of others nobody knows, not even of those that have one of the SDK in them.
func copies(span oteltrace.Span) bool {
	t := reflect.TypeOf(span)
	return t.Kind() == reflect.Pointer && t.Elem().PkgPath() == "go.opentelemetry.io/otel/sdk/trace"
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

// size is how many attributes most operations of a name end with, and whether
// they wait. One that ends with more needs an allocation more.
func size(name string) (attrs int, waits bool) {
	switch name {
	case semconv.SpanRead:
		return 0, true // but for those of a layout
	case semconv.SpanWrite:
		return 0, false
	default: // the total of its blocks
		return 2, true
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

var (
	blockSpan = &emit.PartKind{Name: semconv.SpanBlock, Key: semconv.BlockReasonKey}
	wakeSpan  = &emit.PartKind{Name: semconv.SpanWake, Key: semconv.WakeReasonKey}
)

// emitWake makes the span of the wake in progress, if there is one.
func (o *Op) emitWake(end time.Duration) {
	if o.waking {
		o.emit(wakeSpan, &o.wake, end, &o.waker)
	}
}

// emit makes the span of a block or a wake that is over, with a link unless that is
// not valid. Neither that nor its attributes are among the options of its start:
// there the API copies them once more.
func (o *Op) emit(kind *emit.PartKind, e *edge, end time.Duration, link *oteltrace.SpanContext) {
	b := o.current()
	if b.whole != nil {
		p := emit.Part{PartKind: kind, Reason: e.reason, Attrs: e.attrs, Link: link, Start: e.at, Took: end - e.at}
		if !b.whole.Part(b.data, p) {
			o.emitWhole(b.whole, &p)
		}
		return
	}
	a := o.spares()
	if a.edge == nil { // else the last one ended here
		a.edge = oteltrace.WithTimestamp(o.start.Add(e.at))
	}
	a.start[0] = a.edge
	_, span := o.tracer.tracer.Start(o.context(), kind.Name, a.start[:]...)
	if span.IsRecording() {
		if link.IsValid() {
			span.AddLink(oteltrace.Link{SpanContext: *link})
		}
		span.SetAttributes(append(o.copyOf(e.attrs, 1), kind.Key.String(e.reason))...)
	}
	a.edge = oteltrace.WithTimestamp(o.start.Add(end))
	a.end[0] = a.edge
	span.End(a.end[:]...)
}

func (o *Op) emitWhole(w emit.Tracer, p *emit.Part) {
	d := w.New(p.Name, o.start.Add(p.Start), len(p.Attrs)+1, false)
	if !w.Begin(o.context(), d) {
		return
	}
	if p.Link.IsValid() {
		d.API.AddLink(oteltrace.Link{SpanContext: *p.Link})
	}
	reason := [1]attribute.KeyValue{p.Key.String(p.Reason)}
	if d.Finish(o.start.Add(p.Start+p.Took), false, "", &emit.Values{}, p.Attrs, reason[:]) {
		w.End(d)
	}
}

// spares are used again where a provider's spans copy.
func (o *Op) spares() *spare {
	switch {
	case o.spare == nil:
		o.spare = new(spare)
	case !o.current().copies:
		o.spare = &spare{edge: o.spare.edge}
	}
	return o.spare
}

// copyOf is a copy of attributes with room for n more, which the next one
// overwrites where spans copy them.
func (o *Op) copyOf(attrs []attribute.KeyValue, n int) []attribute.KeyValue {
	n += len(attrs)
	switch r := o.room; {
	case !o.current().copies:
	case r != nil && n <= len(r.attrs):
		r.used = max(r.used, n)
		return append(r.attrs[:0], attrs...)
	case o.spare != nil && n <= len(o.spare.attrs):
		return append(o.spare.attrs[:0], attrs...)
	}
	return append(make([]attribute.KeyValue, 0, n), attrs...)
}

// finish ends the operation's span, with the totals of its blocks.
func (o *Op) finish(end time.Duration, errorType string, err error, attrs []attribute.KeyValue, laid *emit.Values) {
	laid.Blocked = -1
	if o.blocks > 0 {
		laid.Blocked = o.blocked.Seconds()
	}
	var totals [4]attribute.KeyValue
	more := totals[:0]
	if laid.Layout == nil && o.blocks > 0 {
		more = append(more, semconv.BlockDurationKey.Float64(laid.Blocked))
	}
	if o.blocks > 1 {
		more = append(more, semconv.BlockCountKey.Int(o.blocks))
	}
	if n := o.share.Suppressed(); n > 0 {
		more = append(more, semconv.SpansSuppressedKey.Int64(n))
	}
	if errorType != "" {
		more = append(more, semconv.ErrorTypeKey.String(errorType))
	}
	b := o.current()
	if annotate.On() && b.span != nil {
		annotate.End(b.span.SpanContext())
	}
	why := ""
	if errorType != "" {
		why = description(err)
	}
	if b.whole != nil {
		if b.data.Finish(o.start.Add(end), errorType != "", why, laid, attrs, more) {
			b.whole.End(b.data)
		}
		return
	}
	if errorType != "" {
		b.span.SetStatus(codes.Error, why)
	}
	if n := len(attrs) + laid.Len() + len(more); n > 0 {
		b.span.SetAttributes(append(laid.Append(o.copyOf(attrs, n-len(attrs))), more...)...)
	}
	switch {
	case o.spare != nil && o.spare.edge != nil:
		b.span.End(o.spare.end[:]...) // where its last block or wake did
	case o.blocks > 0:
		b.span.End(oteltrace.WithTimestamp(o.start.Add(end)))
	default:
		b.span.End() // now
	}
}
