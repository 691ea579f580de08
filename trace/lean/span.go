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

// span is a span for the SDK's processors and exporters. For events, limits that are reached,
// and values that need normalizing, it continues as a span of the SDK, data.rest, so that
// they have the same result as with the SDK.
type span struct {
	*seal
	d       data
	parts   *[2]part // memory for the first parts; nil: none
	endTask func()   // of runtime/trace; nil: none
}

// seal has the unexported methods of the SDK's interface, and those that a later SDK may
// add.
type seal struct{ sdktrace.ReadWriteSpan }

var (
	_ sdktrace.ReadWriteSpan = (*span)(nil)
	_ core.Span              = (*span)(nil)
)

// sealed is an empty span, for methods that a later SDK may add to those below.
var sealed = func() *seal {
	_, s := sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.AlwaysSample()), sdktrace.WithResource(resource.Empty())).
		Tracer("").Start(context.Background(), "")
	s.End()
	return &seal{s.(sdktrace.ReadWriteSpan)}
}()

// overflow makes the rest of a span, whose lock is held.
func (p *TracerProvider) overflow(d *data) oteltrace.Span {
	_, rest := p.complete.Start(context.Background(), d.name, oteltrace.WithTimestamp(d.start))
	rest.SetAttributes(d.all()...)
	for _, sc := range d.links {
		rest.AddLink(oteltrace.Link{SpanContext: sc})
	}
	if c := codes.Code(d.code); c != codes.Unset {
		rest.SetStatus(c, why(d))
	}
	return rest
}

// more calls f with the rest of a span that has not ended.
func (s *span) more(f func(oteltrace.Span)) {
	s.d.mu.Lock()
	defer s.d.mu.Unlock()
	if !s.d.ended() {
		if s.d.rest == nil {
			s.d.rest = s.d.limits.overflow(&s.d)
		}
		f(s.d.rest)
	}
}

// rest returns the rest; nil: there is none. The lock is held.
func (s *span) rest() sdktrace.ReadOnlySpan {
	if s.d.rest == nil {
		return nil
	}
	return s.d.rest.(sdktrace.ReadOnlySpan)
}

func (s *span) tracer() *tracer { return s.d.limits.tracer }

// task begins the span's task of runtime/trace.
func (s *span) task(ctx context.Context) context.Context {
	ctx, task := rtrace.NewTask(ctx, s.Name())
	s.d.mu.Lock()
	defer s.d.mu.Unlock()
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
	now := s.d.start.Add(time.Since(s.d.start))
	c := oteltrace.NewSpanEndConfig(opts...)
	if at := c.Timestamp(); !at.IsZero() {
		now = at
	}
	if s.d.finish(now, false, "", &core.Facts{}, nil, nil) {
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
	s.d.mu.Lock()
	defer s.d.mu.Unlock()
	if !s.d.ended() {
		s.d.addLink(l)
	}
}

// IsRecording reports whether the span has not ended.
func (s *span) IsRecording() bool { return !s.d.ended() }

// SpanContext returns the span context.
func (s *span) SpanContext() oteltrace.SpanContext { return s.d.context }

// SetStatus sets the status.
func (s *span) SetStatus(c codes.Code, description string) {
	if description != "" && c != codes.Error {
		s.more(func(rest oteltrace.Span) { rest.SetStatus(c, description) })
		return
	}
	s.d.mu.Lock()
	defer s.d.mu.Unlock()
	switch {
	case s.d.ended():
	case c == codes.Error:
		s.d.fail(description)
	default:
		s.d.setStatus(c)
	}
}

// SetName sets the name.
func (s *span) SetName(name string) {
	s.d.mu.Lock()
	defer s.d.mu.Unlock()
	if !s.d.ended() {
		s.d.name = name
	}
}

// SetAttributes sets attributes.
func (s *span) SetAttributes(attrs ...attribute.KeyValue) { s.d.set(attrs...) }

// TracerProvider returns the provider.
func (s *span) TracerProvider() oteltrace.TracerProvider { return s.tracer().provider }

// Maker returns the tracer.
func (s *span) Maker() core.Maker { return s.tracer() }

// Finish ends the span of an operation.
func (s *span) Finish(r *core.Record, f *core.Finish) {
	if s.d.finish(r.Start.Add(f.At), f.Failed, f.Why, &f.Facts, f.Attrs, f.More) {
		s.ended()
	}
}

// The methods of ReadOnlySpan. Callers must not change the slices.

// Name returns the name.
func (s *span) Name() string {
	s.d.mu.Lock()
	defer s.d.mu.Unlock()
	return s.d.name
}

// Parent returns the span context of the parent.
func (s *span) Parent() oteltrace.SpanContext { return s.d.parent.SpanContext() }

// SpanKind returns the kind.
func (s *span) SpanKind() oteltrace.SpanKind { return oteltrace.SpanKind(s.d.kind) }

// StartTime returns the start.
func (s *span) StartTime() time.Time { return s.d.start }

// EndTime returns the end, the zero time until then.
func (s *span) EndTime() time.Time { return s.d.endTime() }

// Attributes returns the attributes, each key once.
func (s *span) Attributes() []attribute.KeyValue {
	s.d.mu.Lock()
	defer s.d.mu.Unlock()
	if r := s.rest(); r != nil {
		return some(r.Attributes())
	}
	if !s.d.ended() { // later calls may change the slice
		return some(slices.Clone(s.d.attrs))
	}
	return some(slices.Clip(s.d.all()))
}

// Links returns the links.
func (s *span) Links() []sdktrace.Link {
	s.d.mu.Lock()
	defer s.d.mu.Unlock()
	if r := s.rest(); r != nil {
		return some(r.Links())
	}
	if len(s.d.links) == 0 {
		return nil
	}
	links := make([]sdktrace.Link, len(s.d.links))
	for i, sc := range s.d.links {
		links[i].SpanContext = sc
	}
	return links
}

// Events returns the events.
func (s *span) Events() []sdktrace.Event {
	s.d.mu.Lock()
	defer s.d.mu.Unlock()
	if r := s.rest(); r != nil {
		return some(r.Events())
	}
	return nil
}

// some returns nil for an empty slice, like the SDK's exported spans.
func some[T any](all []T) []T {
	if len(all) == 0 {
		return nil
	}
	return all
}

// Status returns the status.
func (s *span) Status() sdktrace.Status {
	s.d.mu.Lock()
	defer s.d.mu.Unlock()
	if r := s.rest(); r != nil {
		return r.Status()
	}
	return sdktrace.Status{Code: codes.Code(s.d.code), Description: why(&s.d)}
}

// why returns the description of the status.
func why(d *data) string {
	if d.why == nil {
		return ""
	}
	return *d.why
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

// ChildSpanCount returns how many children this tracer has begun.
func (s *span) ChildSpanCount() int { return s.d.childCount() }

// DroppedAttributes returns how many attributes were dropped because of the limits.
func (s *span) DroppedAttributes() int { return s.dropped(sdktrace.ReadOnlySpan.DroppedAttributes) }

// DroppedLinks returns how many links were dropped because of the limits.
func (s *span) DroppedLinks() int {
	return s.dropped(func(r sdktrace.ReadOnlySpan) int {
		if len(r.Links()) == 0 {
			return 0 // as in what the SDK exports
		}
		return r.DroppedLinks()
	})
}

// DroppedEvents returns how many events were dropped because of the limits.
func (s *span) DroppedEvents() int {
	return s.dropped(func(r sdktrace.ReadOnlySpan) int {
		if len(r.Events()) == 0 {
			return 0 // as in what the SDK exports
		}
		return r.DroppedEvents()
	})
}

func (s *span) dropped(count func(sdktrace.ReadOnlySpan) int) int {
	s.d.mu.Lock()
	defer s.d.mu.Unlock()
	if r := s.rest(); r != nil {
		return count(r)
	}
	return 0
}
