package interop_test

import (
	"bytes"
	"context"
	"errors"
	"reflect"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/stdout/stdouttrace"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/chain"
)

// TestReadStdouttrace reads what the real exporter prints, pretty and not, and gets
// what another exporter was given.
func TestReadStdouttrace(t *testing.T) {
	for name, opts := range map[string][]stdouttrace.Option{"lines": nil, "pretty": {stdouttrace.WithPrettyPrint()}} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			printer, err := stdouttrace.New(append(opts, stdouttrace.WithWriter(&b))...)
			if err != nil {
				t.Fatal(err)
			}
			memory := tracetest.NewInMemoryExporter()
			p := sdktrace.NewTracerProvider(sdktrace.WithSyncer(printer), sdktrace.WithSyncer(memory),
				sdktrace.WithResource(resource.NewSchemaless(attribute.String("service.name", "svc"))))
			ctx := trace.New(trace.WithTracerProvider(p)).NewContext(t.Context())
			ctx, root := p.Tracer("lib").Start(ctx, "main", oteltrace.WithSpanKind(oteltrace.SpanKindServer),
				oteltrace.WithAttributes(attribute.StringSlice("list", []string{"x", "y"}), attribute.Float64("f", 0.5), attribute.Bool("b", true)))
			var mu trace.Mutex
			_ = mu.LockContext(ctx)
			done := trace.Go(ctx, "worker", func(ctx context.Context) error {
				if err := mu.LockContext(ctx); err != nil {
					return err
				}
				mu.Unlock()
				return errors.New("no such table")
			}).Done()
			mu.Unlock()
			<-done
			root.SetStatus(codes.Error, "broken\n")
			root.End()
			want := chain.FromSpans(memory.GetSpans().Snapshots())
			got, report, err := chain.Read(&b)
			if err != nil || report.Format != chain.FormatStdout || len(report.Warnings) > 0 || len(got) != len(want) || len(got) < 2 {
				t.Fatalf("got %d spans, %+v, %v, want %d", len(got), report, err, len(want))
			}
			for i := range got {
				g, w := got[i], want[i]
				if !g.Start.Equal(w.Start) || !g.End.Equal(w.End) {
					t.Errorf("%s: from %v to %v, want %v to %v", w.Name, g.Start, g.End, w.Start, w.End)
				}
				g.Start, g.End = w.Start, w.End
				if len(w.Attributes) == 0 {
					g.Attributes, w.Attributes = nil, nil
				}
				// A context that was read says no more of the trace than its flags and state.
				for j := range w.Links {
					if !g.Links[j].SpanContext.Equal(w.Links[j].SpanContext.WithRemote(false)) {
						t.Errorf("%s: link %+v, want %+v", w.Name, g.Links[j], w.Links[j])
					}
				}
				g.Links, w.Links = nil, nil
				if !reflect.DeepEqual(g, w) {
					t.Errorf("got\n%+v, want\n%+v", g, w)
				}
			}
		})
	}
}
