package chain

import (
	"go.opentelemetry.io/otel/attribute"
	sdkresource "go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// FromSpans converts the SDK's spans, such as those of a span recorder or an exporter, in
// their order. A span that has not ended has no End. Nil entries are skipped.
func FromSpans(spans []sdktrace.ReadOnlySpan) []Span {
	resources := make(map[*sdkresource.Resource][]attribute.KeyValue)
	out := make([]Span, 0, len(spans))
	for _, ro := range spans {
		if ro == nil {
			continue
		}
		res, ok := resources[ro.Resource()]
		if !ok {
			res = ro.Resource().Attributes()
			resources[ro.Resource()] = res
		}
		s := Span{
			TraceID:    ro.SpanContext().TraceID(),
			SpanID:     ro.SpanContext().SpanID(),
			Name:       ro.Name(),
			Kind:       ro.SpanKind(),
			Service:    str(res, semconv.ServiceNameKey),
			Scope:      ro.InstrumentationScope().Name,
			Start:      ro.StartTime(),
			End:        ro.EndTime(),
			Attributes: ro.Attributes(),
			Resource:   res,
			Status:     Status{ro.Status().Code, ro.Status().Description},
		}
		// A parent in another trace is no parent: WithNewRoot leaves none, but stubs may
		// have any.
		if p := ro.Parent(); p.TraceID() == s.TraceID {
			s.ParentID = p.SpanID()
		}
		if links := ro.Links(); len(links) > 0 {
			s.Links = make([]Link, len(links))
			for i, l := range links {
				s.Links[i] = Link{SpanContext: l.SpanContext, Attributes: l.Attributes}
			}
		}
		out = append(out, s)
	}
	return out
}
