package trace

import (
	"context"
	"reflect"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"

	oteltrace "go.opentelemetry.io/otel/trace"

	core "github.com/wakechain/wakechain/internal/op"
)

// apiSpan is the span of an operation by OpenTelemetry's API, and what calls of the
// API take and would else be allocated for each.
type apiSpan struct {
	oteltrace.Span
	tracer oteltrace.Tracer
	copies bool // what it is given, as spans of the SDK do: then it can be used again

	edge  oteltrace.SpanEventOption // the last edge: what ends there and what begins
	start [1]oteltrace.SpanStartOption
	end   [1]oteltrace.SpanEndOption
	room  *[roomSize]attribute.KeyValue // kept for the next span; nil: not needed yet
	used  int                           // of room
}

// roomSize is how many attributes most spans are given at once, at the most.
const roomSize = 12

var _ core.Span = (*apiSpan)(nil)

// clear forgets a span that has ended.
func (a *apiSpan) clear() {
	if a.Span == nil {
		return
	}
	if a.room != nil {
		clear(a.room[:a.used])
	}
	a.Span, a.tracer, a.copies, a.used, a.edge = nil, nil, false, 0, nil
	a.start[0], a.end[0] = nil, nil
}

// beginByAPI leaves it to the provider to read the clock where the record has no start.
func (s spans) beginByAPI(ctx context.Context, r *core.Record, x *shown, attrs []attribute.KeyValue, links []oteltrace.Link) {
	var opts []oteltrace.SpanStartOption
	if len(attrs) > 0 {
		opts = append(opts, oteltrace.WithAttributes(attrs...))
	}
	if len(links) > 0 {
		opts = append(opts, oteltrace.WithLinks(links...))
	}
	if r.Root.IsValid() {
		if ctx, span := s.root(ctx, r.Root, r.Name, r.Start, opts...); span != nil {
			x.hold(s.Tracer, span)
			r.SetSpan(span, ctx)
		} else {
			r.SetSpan(nil, ctx)
		}
		return
	}
	if !r.Start.IsZero() {
		opts = append(opts, oteltrace.WithTimestamp(r.Start))
	}
	ctx, span := s.tracer.Start(ctx, r.Name, opts...)
	if r.Start.IsZero() {
		if began, ok := span.(interface{ StartTime() time.Time }); ok {
			r.Start = began.StartTime()
		}
		if r.Start.IsZero() {
			r.Start = time.Now()
		}
	}
	switch {
	case span.IsRecording():
		x.hold(s.Tracer, span)
		r.SetSpan(span, ctx)
	case span.SpanContext().IsValid():
		r.SetSpan(nil, ctx) // the sampler's no holds for what is below
	}
}

// hold makes span the operation's: one that knows operations, as it came through the
// global provider, is used directly.
func (x *shown) hold(t *Tracer, span oteltrace.Span) {
	if s, ok := span.(core.Span); ok {
		x.span = s
		t.found(s.Maker())
		return
	}
	x.api.Span, x.api.tracer, x.api.copies = span, t.tracer, copies(span)
	x.span = &x.api
}

// maker is what makes spans for less than the API, nil where there is none.
func (t *Tracer) maker() core.Maker {
	if m := t.behind.Load(); m != nil {
		return *m
	}
	return nil
}

// found notes a maker that stands behind the global provider's tracer, which hands on
// to the first provider that the program sets and does nothing else.
func (t *Tracer) found(m core.Maker) {
	if t.behind.Load() == nil && reflect.TypeOf(t.tracer) == delegating {
		behind := m // to the heap here, and not at each call
		t.behind.Store(&behind)
	}
}

var delegating = reflect.TypeOf(otel.GetTracerProvider().Tracer(ScopeName))

// copies reports whether a span copies what it is given: one of the SDK itself does,
// and of others nobody knows, not even of those that have one of the SDK in them.
func copies(span oteltrace.Span) bool {
	t := reflect.TypeOf(span)
	return t.Kind() == reflect.Pointer && t.Elem().PkgPath() == "go.opentelemetry.io/otel/sdk/trace"
}

// Maker returns nil: the API.
func (a *apiSpan) Maker() core.Maker { return nil }

// Child makes a span with a link unless that is not valid. Neither that nor its
// attributes are among the options of its start: there the API copies them once more.
func (a *apiSpan) Child(r *core.Record, p *core.Part) {
	if a.edge == nil { // else the last one ended here
		a.edge = oteltrace.WithTimestamp(r.Start.Add(p.At))
	}
	start, end := a.start[:], a.end[:]
	if !a.copies {
		start, end = make([]oteltrace.SpanStartOption, 1), make([]oteltrace.SpanEndOption, 1)
	}
	start[0] = a.edge
	_, span := a.tracer.Start(r.Below(), p.Name, start...)
	if span.IsRecording() {
		if p.Link != nil && p.Link.IsValid() {
			span.AddLink(oteltrace.Link{SpanContext: *p.Link})
		}
		span.SetAttributes(append(a.copyOf(p.Attrs, 1), p.Key.String(p.Reason))...)
	}
	a.edge = oteltrace.WithTimestamp(r.Start.Add(p.At + p.Took))
	end[0] = a.edge
	span.End(end...)
}

// copyOf is a copy of attributes with room for n more, which the next one overwrites
// where spans copy them.
func (a *apiSpan) copyOf(attrs []attribute.KeyValue, n int) []attribute.KeyValue {
	n += len(attrs)
	if a.copies && n <= roomSize {
		if a.room == nil {
			a.room = new([roomSize]attribute.KeyValue)
		}
		a.used = max(a.used, n)
		return append(a.room[:0], attrs...)
	}
	return append(make([]attribute.KeyValue, 0, n), attrs...)
}

// Finish ends the span.
func (a *apiSpan) Finish(r *core.Record, f *core.Finish) {
	if f.Failed {
		a.SetStatus(codes.Error, f.Why)
	}
	if n := len(f.Attrs) + f.Facts.Len() + len(f.More); n > 0 {
		a.SetAttributes(append(f.Facts.AppendTo(a.copyOf(f.Attrs, n-len(f.Attrs))), f.More...)...)
	}
	switch {
	case a.edge != nil && a.copies: // where its last block or wake ended
		a.end[0] = a.edge
		a.End(a.end[:]...)
	case f.Now:
		a.End()
	default:
		a.End(oteltrace.WithTimestamp(r.Start.Add(f.At)))
	}
}
