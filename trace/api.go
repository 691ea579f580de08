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

// apiSpan is the span of an operation, made through OpenTelemetry's API, with the memory
// of the API's arguments, which would otherwise be allocated for each call.
type apiSpan struct {
	oteltrace.Span
	tracer oteltrace.Tracer
	copies bool // the span copies its arguments, so that their memory can be reused

	edge  oteltrace.SpanEventOption // the time at which the last part ended, and the next begins
	start [1]oteltrace.SpanStartOption
	end   [1]oteltrace.SpanEndOption
	attrs *[maxKeptAttrs]attribute.KeyValue // kept for the next span; nil: not needed yet
	used  int                               // of attrs
}

// maxKeptAttrs is how many attributes most calls pass at the most.
const maxKeptAttrs = 12

var _ core.Span = (*apiSpan)(nil)

// clear forgets a span that has ended.
func (a *apiSpan) clear() {
	if a.Span == nil {
		return
	}
	if a.attrs != nil {
		clear(a.attrs[:a.used])
	}
	a.Span, a.tracer, a.copies, a.used, a.edge = nil, nil, false, 0, nil
	a.start[0], a.end[0] = nil, nil
}

// beginByAPI begins the operation's span through the API. If the record has no start, the
// provider reads the clock.
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
			x.setSpan(s.Tracer, span)
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
		x.setSpan(s.Tracer, span)
		r.SetSpan(span, ctx)
	case span.SpanContext().IsValid():
		r.SetSpan(nil, ctx) // the sampler refused it, and the spans below it
	}
}

// setSpan sets the operation's span. One that package lean made behind the global provider
// is used directly.
func (x *shown) setSpan(t *Tracer, span oteltrace.Span) {
	if s, ok := span.(core.Span); ok {
		x.span = s
		t.found(s.Maker())
		return
	}
	x.api.Span, x.api.tracer, x.api.copies = span, t.tracer, copies(span)
	x.span = &x.api
}

// maker returns what makes spans at less cost than the API; nil: nothing does.
func (t *Tracer) maker() core.Maker {
	if m := t.behind.Load(); m != nil {
		return *m
	}
	return nil
}

// found notes the maker behind the global provider's tracer, which delegates to the first
// provider that the program sets.
func (t *Tracer) found(m core.Maker) {
	if t.behind.Load() == nil && reflect.TypeOf(t.tracer) == delegating {
		behind := m // so that only this call allocates it
		t.behind.Store(&behind)
	}
}

var delegating = reflect.TypeOf(otel.GetTracerProvider().Tracer(ScopeName))

// copies reports whether a span is known to copy its arguments: one of the SDK does.
// Others may keep them, also if they embed one of the SDK.
func copies(span oteltrace.Span) bool {
	t := reflect.TypeOf(span)
	return t.Kind() == reflect.Pointer && t.Elem().PkgPath() == "go.opentelemetry.io/otel/sdk/trace"
}

// Maker returns nil: the API.
func (a *apiSpan) Maker() core.Maker { return nil }

// Child makes the span of a part. It sets the link and the attributes after the start,
// since the API would copy them once more as options of it.
func (a *apiSpan) Child(r *core.Record, p *core.Part) {
	if a.edge == nil { // else the last part ended here
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

// copyOf returns a copy of attributes with capacity for n more. If the span copies its
// arguments, the next call overwrites the memory.
func (a *apiSpan) copyOf(attrs []attribute.KeyValue, n int) []attribute.KeyValue {
	n += len(attrs)
	if a.copies && n <= maxKeptAttrs {
		if a.attrs == nil {
			a.attrs = new([maxKeptAttrs]attribute.KeyValue)
		}
		a.used = max(a.used, n)
		return append(a.attrs[:0], attrs...)
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
	case a.edge != nil && a.copies: // the last block or wake ends with the operation
		a.end[0] = a.edge
		a.End(a.end[:]...)
	case f.Now:
		a.End()
	default:
		a.End(oteltrace.WithTimestamp(r.Start.Add(f.At)))
	}
}
