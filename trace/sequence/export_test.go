package sequence_test

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/sequence"
)

func TestExporter(t *testing.T) {
	var out, now bytes.Buffer
	e := sequence.NewExporter(&out, sequence.Text, sequence.WithTitle("at exit"), sequence.WithMaxSpans(3))
	p := sdktrace.NewTracerProvider(sdktrace.WithSyncer(e),
		sdktrace.WithResource(resource.NewSchemaless(attribute.String("service.name", "box"))))
	tracer := trace.New(trace.WithTracerProvider(p))
	err := trace.Handle(tracer.NewContext(t.Context()), "work", func(context.Context) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Draw(&now); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		_, span := p.Tracer("").Start(t.Context(), "late")
		span.End()
	}
	for range 2 {
		if err := p.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got := now.String(); !strings.Contains(got, "go work") || strings.Contains(got, "late") {
		t.Errorf("on demand:\n%swant what was there then", got)
	}
	for _, want := range []string{"at exit", "box", "go work", "late", "3 spans came after the first 3 and are not shown"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("at exit:\n%swant %q in it", &out, want)
		}
	}
	if n := strings.Count(out.String(), "at exit"); n != 1 {
		t.Errorf("%d diagrams, want one", n)
	}
}

func TestExporterConcurrentSafe(t *testing.T) {
	e := sequence.NewExporter(new(bytes.Buffer), sequence.SVG)
	p := sdktrace.NewTracerProvider(sdktrace.WithSyncer(e))
	defer func() { _ = p.Shutdown(t.Context()) }()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 20 {
				_, span := p.Tracer("").Start(t.Context(), "span")
				span.End()
			}
			if err := e.Draw(new(bytes.Buffer)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}
