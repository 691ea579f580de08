package lean

import (
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/resource"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"

	core "github.com/wakechain/wakechain/internal/op"
)

// part is the span of a completed block or wake. It never changes.
type part struct {
	*seal
	core.Part
	of *span // the operation's: its parent
	id oteltrace.SpanID
}

var _ sdktrace.ReadOnlySpan = (*part)(nil)

// link returns the link of a part, in memory that does not change. A read and its wake link
// to the same span, and share it.
func (s *span) link(sc *oteltrace.SpanContext) *oteltrace.SpanContext {
	s.d.mu.Lock()
	defer s.d.mu.Unlock()
	if len(s.d.links) > 0 && s.d.links[0].Equal(*sc) {
		return &s.d.links[0]
	}
	own := *sc
	return &own
}

// Name returns the name.
func (p *part) Name() string { return p.PartKind.Name }

// SpanContext returns the span context.
func (p *part) SpanContext() oteltrace.SpanContext { return p.of.d.context.WithSpanID(p.id) }

// Parent returns the span context of the operation.
func (p *part) Parent() oteltrace.SpanContext { return p.of.d.context }

// SpanKind returns the kind.
func (p *part) SpanKind() oteltrace.SpanKind { return oteltrace.SpanKindInternal }

// StartTime returns the start.
func (p *part) StartTime() time.Time { return p.of.d.start.Add(p.At) }

// EndTime returns the end.
func (p *part) EndTime() time.Time { return p.of.d.start.Add(p.At + p.Took) }

// Attributes returns the attributes, each key once.
func (p *part) Attributes() []attribute.KeyValue {
	attrs := make([]attribute.KeyValue, 0, len(p.Attrs)+1)
	for i := range p.Attrs {
		attrs = put(attrs, &p.Attrs[i])
	}
	reason := p.Key.String(p.Reason)
	return put(attrs, &reason)
}

// Links returns the links.
func (p *part) Links() []sdktrace.Link {
	if p.Link == nil {
		return nil
	}
	return []sdktrace.Link{{SpanContext: *p.Link}}
}

// Events returns none.
func (p *part) Events() []sdktrace.Event { return nil }

// Status returns the status, which is unset.
func (p *part) Status() sdktrace.Status { return sdktrace.Status{} }

// InstrumentationScope returns the scope of the tracer.
func (p *part) InstrumentationScope() instrumentation.Scope { return p.of.InstrumentationScope() }

// InstrumentationLibrary returns the scope of the tracer.
//
// Deprecated: use InstrumentationScope.
func (p *part) InstrumentationLibrary() instrumentation.Library { return p.of.InstrumentationScope() }

// Resource returns the resource of the provider.
func (p *part) Resource() *resource.Resource { return p.of.Resource() }

// ChildSpanCount returns 0.
func (p *part) ChildSpanCount() int { return 0 }

// DroppedAttributes returns 0: a block or a wake that exceeds the limits is no part.
func (p *part) DroppedAttributes() int { return 0 }

// DroppedLinks returns 0.
func (p *part) DroppedLinks() int { return 0 }

// DroppedEvents returns 0.
func (p *part) DroppedEvents() int { return 0 }
