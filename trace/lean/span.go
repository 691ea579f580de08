package lean

import (
	"context"
	rtrace "runtime/trace"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/resource"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"

	core "github.com/wakechain/wakechain/internal/op"
)

// span is a span as the SDK's processors and exporters see it. What is beyond a
// few attributes and links, such as events, limits that are reached, and values
// that need normalizing, it leaves to a span of the SDK, the rest: so that what
// becomes of it is what the SDK makes of it.
type span struct {
	*seal
	d       data
	parts   *[2]part // room for some, nil: none
	endTask func()   // of runtime/trace, nil: none
}

// seal has the methods of the SDK's interface that no other package can have, and
// those that a later SDK adds.
type seal struct{ sdktrace.ReadWriteSpan }

var (
	_ sdktrace.ReadWriteSpan = (*span)(nil)
	_ core.Span              = (*span)(nil)
)

// sealed answers what a later SDK may ask for beyond the methods below, as an empty
// span would.
var sealed = func() *seal {
	_, s := sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.AlwaysSample()), sdktrace.WithResource(resource.Empty())).
		Tracer("").Start(context.Background(), "")
	s.End()
	return &seal{s.(sdktrace.ReadWriteSpan)}
}()

// overflow makes the rest of a span, whose lock is held.
func (p *TracerProvider) overflow(d *data) oteltrace.Span {
	_, rest := p.complete.Start(context.Background(), d.Name, oteltrace.WithTimestamp(d.StartTime))
	rest.SetAttributes(d.All()...)
	for _, sc := range d.Links {
		rest.AddLink(oteltrace.Link{SpanContext: sc})
	}
	if c := codes.Code(d.Code); c != codes.Unset {
		rest.SetStatus(c, why(d))
	}
	return rest
}

// more calls f with the rest of a span that has not ended.
func (s *span) more(f func(oteltrace.Span)) {
	s.d.Mu.Lock()
	defer s.d.Mu.Unlock()
	if !s.d.Ended() {
		if s.d.Rest == nil {
			s.d.Rest = s.d.Limits.Overflow(&s.d)
		}
		f(s.d.Rest)
	}
}

// rest returns the rest, nil where there is none. The lock is held.
func (s *span) rest() sdktrace.ReadOnlySpan {
	if s.d.Rest == nil {
		return nil
	}
	return s.d.Rest.(sdktrace.ReadOnlySpan)
}

func (s *span) tracer() *tracer { return s.d.Limits.Tracer }

// task begins the span's task of runtime/trace.
func (s *span) task(ctx context.Context) context.Context {
	ctx, task := rtrace.NewTask(ctx, s.Name())
	s.d.Mu.Lock()
	defer s.d.Mu.Unlock()
	s.endTask = task.End
	return ctx
}

// ended marks the span as ended. It does not change any more.
func (s *span) ended() {
	if s.endTask != nil {
		s.endTask()
	}
	s.tracer().provider.ended(s)
}

// The methods of the API.

// End ends the span. Only a timestamp is taken from opts.
func (s *span) End(opts ...oteltrace.SpanEndOption) {
	now := s.d.StartTime.Add(time.Since(s.d.StartTime))
	c := oteltrace.NewSpanEndConfig(opts...)
	if at := c.Timestamp(); !at.IsZero() {
		now = at
	}
	if s.d.Finish(now, false, "", &core.Facts{}, nil, nil) {
		s.ended()
	}
}

// AddEvent adds an event.
func (s *span) AddEvent(name string, opts ...oteltrace.EventOption) {
	s.more(func(rest oteltrace.Span) { rest.AddEvent(name, opts...) }) //nolint:forbidigo // somebody's own
}

// RecordError adds an event for err.
func (s *span) RecordError(err error, opts ...oteltrace.EventOption) {
	if err != nil {
		s.more(func(rest oteltrace.Span) { rest.RecordError(err, opts...) }) //nolint:forbidigo // somebody's own
	}
}

// AddLink adds a link.
func (s *span) AddLink(l oteltrace.Link) {
	s.d.Mu.Lock()
	defer s.d.Mu.Unlock()
	if !s.d.Ended() {
		s.d.AddLink(l)
	}
}

// IsRecording reports whether the span has not ended.
func (s *span) IsRecording() bool { return !s.d.Ended() }

// SpanContext returns the span context.
func (s *span) SpanContext() oteltrace.SpanContext { return s.d.Context }

// SetStatus sets the status.
func (s *span) SetStatus(c codes.Code, description string) {
	if description != "" && c != codes.Error {
		s.more(func(rest oteltrace.Span) { rest.SetStatus(c, description) })
		return
	}
	s.d.Mu.Lock()
	defer s.d.Mu.Unlock()
	switch {
	case s.d.Ended():
	case c == codes.Error:
		s.d.Fail(description)
	default:
		s.d.SetStatus(c)
	}
}

// SetName sets the name.
func (s *span) SetName(name string) {
	s.d.Mu.Lock()
	defer s.d.Mu.Unlock()
	if !s.d.Ended() {
		s.d.Name = name
	}
}

// SetAttributes sets attributes.
func (s *span) SetAttributes(attrs ...attribute.KeyValue) { s.d.Set(attrs...) }

// TracerProvider returns the provider.
func (s *span) TracerProvider() oteltrace.TracerProvider { return s.tracer().provider }

// Maker returns the tracer.
func (s *span) Maker() core.Maker { return s.tracer() }

// Finish ends the span of an operation.
func (s *span) Finish(r *core.Record, f *core.Finish) {
	if s.d.Finish(r.Start.Add(f.At), f.Failed, f.Why, &f.Facts, f.Attrs, f.More) {
		s.ended()
	}
}

// The methods of ReadOnlySpan. Slices are the caller's to read.

// Name returns the name.
func (s *span) Name() string {
	s.d.Mu.Lock()
	defer s.d.Mu.Unlock()
	return s.d.Name
}

// Parent returns the span context of the parent.
func (s *span) Parent() oteltrace.SpanContext { return s.d.Parent.SpanContext() }

// SpanKind returns the kind.
func (s *span) SpanKind() oteltrace.SpanKind { return oteltrace.SpanKind(s.d.Kind) }

// StartTime returns the start.
func (s *span) StartTime() time.Time { return s.d.StartTime }

// EndTime returns the end, the zero time until then.
func (s *span) EndTime() time.Time { return s.d.EndTime() }

// Attributes returns the attributes, each key once.
func (s *span) Attributes() []attribute.KeyValue {
	s.d.Mu.Lock()
	defer s.d.Mu.Unlock()
	if r := s.rest(); r != nil {
		return some(r.Attributes())
	}
	if !s.d.Ended() { // what is set later must not show
		return some(slices.Clone(s.d.Attrs))
	}
	return some(slices.Clip(s.d.All()))
}

// Links returns the links.
func (s *span) Links() []sdktrace.Link {
	s.d.Mu.Lock()
	defer s.d.Mu.Unlock()
	if r := s.rest(); r != nil {
		return some(r.Links())
	}
	if len(s.d.Links) == 0 {
		return nil
	}
	links := make([]sdktrace.Link, len(s.d.Links))
	for i, sc := range s.d.Links {
		links[i].SpanContext = sc
	}
	return links
}

// Events returns the events.
func (s *span) Events() []sdktrace.Event {
	s.d.Mu.Lock()
	defer s.d.Mu.Unlock()
	if r := s.rest(); r != nil {
		return some(r.Events())
	}
	return nil
}

// some is nil where there is nothing, as in what the SDK exports.
func some[T any](all []T) []T {
	if len(all) == 0 {
		return nil
	}
	return all
}

// Status returns the status.
func (s *span) Status() sdktrace.Status {
	s.d.Mu.Lock()
	defer s.d.Mu.Unlock()
	if r := s.rest(); r != nil {
		return r.Status()
	}
	return sdktrace.Status{Code: codes.Code(s.d.Code), Description: why(&s.d)}
}

// why is the description of a span's status.
func why(d *data) string {
	if d.Why == nil {
		return ""
	}
	return *d.Why
}

// InstrumentationScope returns the scope of the tracer.
func (s *span) InstrumentationScope() instrumentation.Scope { return s.tracer().origin.Scope }

// InstrumentationLibrary returns the scope of the tracer.
//
// Deprecated: use InstrumentationScope.
func (s *span) InstrumentationLibrary() instrumentation.Library {
	return s.tracer().origin.Scope
}

// Resource returns the resource of the provider.
func (s *span) Resource() *resource.Resource { return s.tracer().origin.Resource }

// ChildSpanCount returns how many children began by this tracer.
func (s *span) ChildSpanCount() int { return s.d.Children() }

// DroppedAttributes returns how many attributes the limits cost.
func (s *span) DroppedAttributes() int { return s.dropped(sdktrace.ReadOnlySpan.DroppedAttributes) }

// DroppedLinks returns how many links the limits cost.
func (s *span) DroppedLinks() int {
	return s.dropped(func(r sdktrace.ReadOnlySpan) int {
		if len(r.Links()) == 0 {
			return 0 // as in what the SDK exports
		}
		return r.DroppedLinks()
	})
}

// DroppedEvents returns how many events the limits cost.
func (s *span) DroppedEvents() int {
	return s.dropped(func(r sdktrace.ReadOnlySpan) int {
		if len(r.Events()) == 0 {
			return 0 // as in what the SDK exports
		}
		return r.DroppedEvents()
	})
}

func (s *span) dropped(count func(sdktrace.ReadOnlySpan) int) int {
	s.d.Mu.Lock()
	defer s.d.Mu.Unlock()
	if r := s.rest(); r != nil {
		return count(r)
	}
	return 0
}
