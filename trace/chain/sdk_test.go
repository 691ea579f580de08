package chain_test

import (
	"context"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace/chain"
)

func TestFromSpans(t *testing.T) {
	t.Parallel()
	recorder := tracetest.NewSpanRecorder()
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithSpanProcessor(recorder),
		sdktrace.WithResource(resource.NewSchemaless(attribute.String("service.name", "svc"), attribute.String("host.name", "box"))),
	)
	t.Cleanup(func() { _ = provider.Shutdown(context.WithoutCancel(t.Context())) })
	tracer := provider.Tracer("scope")

	ctx, parent := tracer.Start(t.Context(), "parent", oteltrace.WithSpanKind(oteltrace.SpanKindServer),
		oteltrace.WithAttributes(attribute.Int("n", 7), attribute.String("s", "text")))
	link := oteltrace.Link{SpanContext: parent.SpanContext(), Attributes: []attribute.KeyValue{attribute.Bool("b", true)}}
	_, child := tracer.Start(ctx, "child", oteltrace.WithLinks(link))
	child.SetStatus(codes.Error, "broken")
	child.End()
	parent.End()
	_, open := tracer.Start(ctx, "open")
	ended := recorder.Ended()
	running := recorder.Started()[2]
	unended := chain.FromSpans([]sdktrace.ReadOnlySpan{running})
	open.End()

	spans := chain.FromSpans(append([]sdktrace.ReadOnlySpan{nil}, ended...))
	if len(spans) != 2 || spans[0].Name != "child" {
		t.Fatalf("got %+v", spans)
	}
	if !spans[0].Start.Equal(ended[0].StartTime()) || !spans[0].End.Equal(ended[0].EndTime()) {
		t.Error("the times differ")
	}
	c := chain.New(spans)
	p, ch := c.Spans[0], c.Spans[1]
	if p.Name != "parent" || p.Kind != oteltrace.SpanKindServer || p.Service != "svc" || p.Scope != "scope" || p.Process() != "svc@box" {
		t.Errorf("parent: got %+v", p)
	}
	if p.Int("n") != 7 || p.Str("s") != "text" {
		t.Errorf("attributes: got %v", p.Attributes)
	}
	if ch.Parent != p || !ch.Failed() || ch.Status.Description != "broken" {
		t.Errorf("child: got %+v", ch)
	}
	if len(ch.Links) != 1 || ch.Links[0].Span != p || len(ch.Links[0].Attributes) != 1 || p.LinkedFrom[0] != ch {
		t.Errorf("links: got %+v", ch.Links)
	}
	if got := p.SpanContext(); got.SpanID() != parent.SpanContext().SpanID() || got.TraceID() != parent.SpanContext().TraceID() {
		t.Errorf("SpanContext: got %v", got)
	}
	if got := unended[0]; got.Name != "open" || !got.End.IsZero() || got.Duration() != 0 {
		t.Errorf("a span that has not ended: got %+v", got)
	}
}

func TestFromStubs(t *testing.T) {
	t.Parallel()
	stub := tracetest.SpanStub{Name: "a", StartTime: time.Unix(1, 0)}
	stub.Parent = oteltrace.NewSpanContext(oteltrace.SpanContextConfig{TraceID: traceID, SpanID: spanID(1)})
	stub.SpanContext = oteltrace.NewSpanContext(oteltrace.SpanContextConfig{TraceID: oteltrace.TraceID{5}, SpanID: spanID(2)})
	spans := chain.FromSpans([]sdktrace.ReadOnlySpan{stub.Snapshot()})
	if len(spans) != 1 || spans[0].ParentID.IsValid() || spans[0].Service != "" {
		t.Errorf("got %+v", spans)
	}
}
