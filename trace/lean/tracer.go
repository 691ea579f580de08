package lean

import (
	"context"
	rtrace "runtime/trace"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"

	core "github.com/wakechain/wakechain/internal/op"
	"github.com/wakechain/wakechain/trace/lean/internal/encode"
)

// tracer is the tracer of trace.ScopeName.
type tracer struct {
	oteltrace.Tracer // of the SDK, for the interface's unexported method; never called
	provider         *TracerProvider
	origin           encode.Origin
	limits           limits
}

var _ core.Maker = (*tracer)(nil)

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
	d := t.data(name, start, len(c.Attributes())+2, false)
	d.kind = uint8(oteltrace.ValidateSpanKind(c.SpanKind()))
	if !t.sample(ctx, d, c.NewRoot(), c.Attributes(), c.Links()) {
		return oteltrace.ContextWithSpan(ctx, d.api), d.api
	}
	for _, l := range c.Links() {
		d.addLink(l)
	}
	d.add(c.Attributes()...)
	s := t.started(ctx, d)
	ctx = oteltrace.ContextWithSpan(ctx, s)
	if rtrace.IsEnabled() {
		ctx = s.task(ctx)
	}
	return ctx, s
}

// data returns the data of a span that has not begun. One allocation includes the first n
// attributes and, if it waits, the first parts.
func (t *tracer) data(name string, start time.Time, n int, waits bool) *data {
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
		s, m.span.parts, m.d.links = &m.span, &m.parts, m.links[:0]
	case n <= 2 && !waits:
		m := new(struct {
			span
			attrs [2]attribute.KeyValue
		})
		s, m.d.attrs = &m.span, m.attrs[:0]
	case n <= 2:
		m := new(struct {
			span
			attrs [2]attribute.KeyValue
			parts [2]part
		})
		s, m.d.attrs, m.span.parts = &m.span, m.attrs[:0], &m.parts
	default:
		s = &span{d: data{attrs: make([]attribute.KeyValue, 0, n)}}
	}
	s.seal = sealed
	d := &s.d
	d.api, d.name, d.start = s, name, start
	d.took.Store(open)
	d.kind, d.limits = uint8(oteltrace.SpanKindInternal), &t.limits
	return d
}

// Begin begins the span of an operation.
func (t *tracer) Begin(ctx context.Context, s *core.SpanStart) (oteltrace.Span, bool) {
	d := t.data(s.Name, s.At, s.Size, s.Waits)
	d.add(s.Attrs...)
	for _, l := range s.Links {
		d.addLink(l)
	}
	if d.rest != nil || len(d.attrs) < len(s.Attrs) {
		return nil, false // the sampler must get all attributes and links
	}
	if t.sample(ctx, d, false, d.attrs, links(d)) {
		t.started(ctx, d)
	}
	return d.api, true
}

// sample sets the span's parent and ids, and asks the sampler, with attrs and links. It
// reports whether the span is recorded.
func (t *tracer) sample(ctx context.Context, d *data, root bool, attrs []attribute.KeyValue, links []oteltrace.Link) bool {
	p, parent := t.provider, ctx
	up := oteltrace.SpanFromContext(ctx)
	if local, ok := up.(*span); ok {
		local.d.countChild() // even if it is a root, like the SDK
	}
	if root {
		parent = oteltrace.ContextWithSpanContext(ctx, oteltrace.SpanContext{})
		up = oteltrace.SpanFromContext(parent)
	}
	d.parent = up

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
			ParentContext: parent, TraceID: id.TraceID, Name: d.name, Kind: oteltrace.SpanKind(d.kind),
			Attributes: attrs, Links: links,
		})
		recorded, sampled = r.Decision != sdktrace.Drop, r.Decision == sdktrace.RecordAndSample
		id.TraceState = r.Tracestate
		setBefore(d, r.Attributes)
	}
	id.TraceFlags = id.TraceFlags.WithSampled(sampled)
	d.context = oteltrace.NewSpanContext(id)
	if !recorded {
		d.api = dropped{oteltrace.SpanFromContext(oteltrace.ContextWithSpanContext(ctx, d.context)), p}
		return false
	}
	return true
}

// started passes a new span to the processors.
func (t *tracer) started(ctx context.Context, d *data) *span {
	s := d.api.(*span)
	if !t.provider.quiet.Load() {
		for _, sp := range *t.provider.processors.Load() {
			sp.OnStart(ctx, s)
		}
	}
	return s
}

// setBefore sets attributes of the sampler before the others. If a key is in both, the others
// count. The span has no rest yet.
func setBefore(d *data, attrs []attribute.KeyValue) {
	if len(attrs) == 0 {
		return
	}
	own := slices.Clone(d.attrs)
	d.attrs = d.attrs[:0]
	d.add(attrs...)
	d.add(own...)
}

// links returns the links of a span that has not begun, for a sampler.
func links(d *data) []oteltrace.Link {
	if len(d.links) == 0 || d.limits.tracer.provider.sampler == nil {
		return nil
	}
	all := make([]oteltrace.Link, len(d.links))
	for i, sc := range d.links {
		all[i].SpanContext = sc
	}
	return all
}

// Child makes the span of a part. It takes little memory, unless the sampler, the generator
// of ids or a processor is the program's, or it may exceed the limits.
func (s *span) Child(r *core.Record, p *core.Part) {
	t := s.tracer()
	linked := p.Link != nil && p.Link.IsValid()
	if !t.provider.plain || !t.provider.quiet.Load() ||
		!t.limits.fit(1, p.Attrs) || t.limits.length >= 0 || t.limits.links == 0 && linked {
		t.child(r, p, linked)
		return
	}
	s.d.countChild()
	var m *part
	if s.parts != nil && int(s.d.parts) < len(s.parts) {
		m = &s.parts[s.d.parts]
		s.d.parts++
	} else {
		m = new(part)
	}
	m.seal, m.of, m.Part = sealed, s, *p
	m.Link = nil
	if linked {
		m.Link = s.link(p.Link)
	}
	m.id = t.provider.ids.NewSpanID(context.Background(), s.d.context.TraceID())
	t.provider.ended(m)
}

// child makes the span of a part like that of an operation.
func (t *tracer) child(r *core.Record, p *core.Part, linked bool) {
	ctx, d := r.Below(), t.data(p.Name, r.Start.Add(p.At), len(p.Attrs)+1, false)
	if !t.sample(ctx, d, false, nil, nil) {
		return
	}
	s := t.started(ctx, d)
	if linked {
		s.AddLink(oteltrace.Link{SpanContext: *p.Link})
	}
	reason := [1]attribute.KeyValue{p.Key.String(p.Reason)}
	if d.finish(r.Start.Add(p.At+p.Took), false, "", &core.Facts{}, p.Attrs, reason[:]) {
		s.ended()
	}
}

// dropped is a span that is not recorded.
type dropped struct {
	oteltrace.Span
	provider *TracerProvider
}

func (d dropped) TracerProvider() oteltrace.TracerProvider { return d.provider }
