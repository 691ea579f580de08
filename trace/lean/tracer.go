package lean

import (
	"context"
	rtrace "runtime/trace"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace/internal/emit"
)

// tracer is the tracer of trace.ScopeName.
type tracer struct {
	oteltrace.Tracer // of the SDK; seals the interface, and is never called
	provider         *TracerProvider
	scope            instrumentation.Scope
	limits           emit.Limits
}

var _ emit.Tracer = (*tracer)(nil)

// Start begins a span by OpenTelemetry's API.
func (t *tracer) Start(ctx context.Context, name string, opts ...oteltrace.SpanStartOption) (context.Context, oteltrace.Span) {
	if ctx == nil {
		ctx = context.Background()
	}
	c := oteltrace.NewSpanStartConfig(opts...)
	start := c.Timestamp()
	if start.IsZero() {
		start = time.Now()
	}
	d := t.New(name, start, len(c.Attributes())+2, false)
	d.Kind = uint8(oteltrace.ValidateSpanKind(c.SpanKind()))
	if !t.sample(ctx, d, c.NewRoot(), c.Attributes(), c.Links()) {
		return oteltrace.ContextWithSpan(ctx, d.API), d.API
	}
	for _, l := range c.Links() {
		d.AddLink(l)
	}
	d.Add(c.Attributes()...)
	s := t.started(ctx, d)
	ctx = oteltrace.ContextWithSpan(ctx, s)
	if rtrace.IsEnabled() {
		ctx = s.task(ctx)
	}
	return ctx, s
}

// New returns a span that has not begun. Its attributes and parts lie in the same
// piece of memory.
func (t *tracer) New(name string, start time.Time, n int, waits bool) *emit.Span {
	var s *span
	switch {
	case n == 0 && !waits:
		s = new(span)
	case n == 0:
		m := new(struct {
			span
			parts [2]part
			links [1]oteltrace.SpanContext
		})
		s, m.span.parts, m.d.Links = &m.span, &m.parts, m.links[:0]
	case n <= 2 && !waits:
		m := new(struct {
			span
			attrs [2]attribute.KeyValue
		})
		s, m.d.Attrs = &m.span, m.attrs[:0]
	case n <= 2:
		m := new(struct {
			span
			attrs [2]attribute.KeyValue
			parts [2]part
		})
		s, m.d.Attrs, m.span.parts = &m.span, m.attrs[:0], &m.parts
	default:
		s = &span{d: emit.Span{Attrs: make([]attribute.KeyValue, 0, n)}}
	}
	s.seal = sealed
	d := &s.d
	d.API, d.Name, d.StartTime = s, name, start
	d.Took.Store(emit.Open)
	d.Kind, d.Limits = uint8(oteltrace.SpanKindInternal), &t.limits
	return d
}

// Begin begins a span as a child of the one in ctx.
func (t *tracer) Begin(ctx context.Context, d *emit.Span) bool {
	if !t.sample(ctx, d, false, d.Attrs, links(d)) {
		return false
	}
	t.started(ctx, d)
	return true
}

// sample gives the span its place and asks the sampler, to which attrs and links
// are known. It reports whether the span is recorded.
func (t *tracer) sample(ctx context.Context, d *emit.Span, root bool, attrs []attribute.KeyValue, links []oteltrace.Link) bool {
	p, parent := t.provider, ctx
	up := oteltrace.SpanFromContext(ctx)
	if local, ok := up.(*span); ok {
		local.d.Child() // of a root, too, as the SDK counts
	}
	if root {
		parent = oteltrace.ContextWithSpanContext(ctx, oteltrace.SpanContext{})
		up = oteltrace.SpanFromContext(parent)
	}
	d.Parent = up

	above := up.SpanContext()
	id := oteltrace.SpanContextConfig{TraceID: above.TraceID(), TraceFlags: above.TraceFlags(), TraceState: above.TraceState()}
	if id.TraceID.IsValid() {
		id.SpanID = p.ids.NewSpanID(parent, id.TraceID)
	} else {
		id.TraceID, id.SpanID = p.ids.NewIDs(parent)
	}
	// The default, and with it ParentBased(AlwaysSample): a root is sampled, and a
	// child if its parent is.
	recorded := !above.IsValid() || above.IsSampled()
	sampled := recorded
	if p.sampler != nil {
		r := p.sampler.ShouldSample(sdktrace.SamplingParameters{
			ParentContext: parent, TraceID: id.TraceID, Name: d.Name, Kind: oteltrace.SpanKind(d.Kind),
			Attributes: attrs, Links: links,
		})
		recorded, sampled = r.Decision != sdktrace.Drop, r.Decision == sdktrace.RecordAndSample
		id.TraceState = r.Tracestate
		setBefore(d, r.Attributes)
	}
	id.TraceFlags = id.TraceFlags.WithSampled(sampled)
	d.Context = oteltrace.NewSpanContext(id)
	if !recorded {
		d.API = dropped{oteltrace.SpanFromContext(oteltrace.ContextWithSpanContext(ctx, d.Context)), p}
		return false
	}
	return true
}

// started tells the processors.
func (t *tracer) started(ctx context.Context, d *emit.Span) *span {
	s := d.API.(*span)
	if !t.provider.quiet.Load() {
		for _, sp := range *t.provider.processors.Load() {
			sp.OnStart(ctx, s)
		}
	}
	return s
}

// setBefore sets attributes of the sampler. They come before the others, which
// hold where a key is in both. The span has no rest yet.
func setBefore(d *emit.Span, attrs []attribute.KeyValue) {
	if len(attrs) == 0 {
		return
	}
	own := slices.Clone(d.Attrs)
	d.Attrs = d.Attrs[:0]
	d.Add(attrs...)
	d.Add(own...)
}

// links are those of a span that has not begun, for a sampler.
func links(d *emit.Span) []oteltrace.Link {
	if len(d.Links) == 0 || d.Limits.Tracer.(*tracer).provider.sampler == nil {
		return nil
	}
	all := make([]oteltrace.Link, len(d.Links))
	for i, sc := range d.Links {
		all[i].SpanContext = sc
	}
	return all
}

// Part makes the span of a part, unless the sampler, the ids' generator or a
// processor has a say in it, or limits may be reached.
func (t *tracer) Part(d *emit.Span, p emit.Part) bool {
	if !t.provider.plain || !t.provider.quiet.Load() ||
		!t.limits.Fit(1, p.Attrs) || t.limits.Length >= 0 || t.limits.Links == 0 && p.Link.IsValid() {
		return false
	}
	s := d.API.(*span)
	d.Child()
	var m *part
	if s.parts != nil && int(d.Parts) < len(s.parts) {
		m = &s.parts[d.Parts]
		d.Parts++
	} else {
		m = new(part)
	}
	m.seal, m.of, m.Part = sealed, s, p
	m.Link = s.link(p.Link)
	m.id = t.provider.ids.NewSpanID(context.Background(), d.Context.TraceID())
	t.provider.ended(m)
	return true
}

// End tells the processors that a span has ended.
func (t *tracer) End(d *emit.Span) { d.API.(*span).ended() }

// dropped is a span that is not recorded.
type dropped struct {
	oteltrace.Span
	provider *TracerProvider
}

func (d dropped) TracerProvider() oteltrace.TracerProvider { return d.provider }
